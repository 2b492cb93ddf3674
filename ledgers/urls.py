from django.urls import URLPattern, URLResolver, include, path

from ledgers import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("ledger/", views.page, name="ledger"),
    path("ledger/download/", views.download, name="ledger-download"),
    path("", include("ledgers.months.urls")),
    path("", include("ledgers.report.urls")),
    path("", include("ledgers.jobs.urls")),
    path("", include("ledgers.exports.urls")),
]
