"""Addresses of the import of old ledgers."""

from django.urls import URLPattern, path

from ledgers.imports import views

urlpatterns: list[URLPattern] = [
    path("imports/", views.imports, name="imports"),
    path("imports/<uuid:uid>/", views.batch, name="import"),
    path("imports/<uuid:uid>/columns/", views.columns, name="import-columns"),
    path("imports/<uuid:uid>/commit/", views.commit, name="import-commit"),
    path("imports/<uuid:uid>/undo/", views.undo, name="import-undo"),
    path("imports/<uuid:uid>/mend/", views.mend, name="import-mend"),
]
