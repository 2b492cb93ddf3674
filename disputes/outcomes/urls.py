"""Addresses of the outcome flags."""

from django.urls import URLPattern, path

from disputes.outcomes import views

urlpatterns: list[URLPattern] = [
    path("disputes/<str:case_no>/outcomes/", views.outcome_page, name="outcome"),
    path("disputes/<str:case_no>/outcomes/<int:pk>/off/", views.outcome_off, name="outcome-off"),
]
