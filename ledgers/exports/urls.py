"""Addresses of the exports; the first is a contract (product.md)."""

from django.urls import URLPattern, path

from ledgers.exports import views

urlpatterns: list[URLPattern] = [
    path("exports/", views.exports, name="exports"),
    path("exports/new/", views.new, name="export-new"),
    path("exports/<uuid:uid>/", views.export, name="export"),
    path("exports/<uuid:uid>/decide/", views.decide, name="export-decide"),
    path("exports/<uuid:uid>/cancel/", views.cancel, name="export-cancel"),
    path("exports/<uuid:uid>/file/", views.file, name="export-file"),
]
