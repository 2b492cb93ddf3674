from django.urls import URLPattern, URLResolver, include, path

from ledgers import views
from ledgers.layouts import views as layouts

urlpatterns: list[URLPattern | URLResolver] = [
    path("ledger/", views.page, name="ledger"),
    path("ledger/download/", views.download, name="ledger-download"),
    path("ledger/saved/", layouts.keep, name="ledger-keep"),
    path("ledger/saved/<int:pk>/delete/", layouts.forget, name="ledger-forget"),
    path("manage/ledger-columns/", layouts.layouts, name="manage-ledger-layouts"),
    path("manage/ledger-columns/new/", layouts.layout_new, name="manage-ledger-layout-new"),
    path("manage/ledger-columns/<int:pk>/", layouts.layout, name="manage-ledger-layout"),
    path("manage/ledger-columns/<int:pk>/delete/", layouts.layout_drop, name="manage-ledger-layout-drop"),
    path("", include("ledgers.dashboard.urls")),
    path("", include("ledgers.months.urls")),
    path("", include("ledgers.report.urls")),
    path("", include("ledgers.jobs.urls")),
    path("", include("ledgers.imports.urls")),
    path("", include("ledgers.exports.urls")),
]
