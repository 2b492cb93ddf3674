"""Addresses of the figures; the names are a contract (product.md)."""

from django.urls import URLPattern, path

from ledgers.dashboard import views

urlpatterns: list[URLPattern] = [
    path("dashboard/", views.dashboard, name="dashboard"),
    path("dashboard/list/<str:figure>/", views.figure_list, name="dashboard-list"),
    path("dashboard/figures/", views.figures, name="dashboard-figures"),
]
