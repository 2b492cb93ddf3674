"""Addresses of 催办."""

from django.urls import URLPattern, path

from disputes.urging import views

urlpatterns: list[URLPattern] = [
    path("disputes/<str:case_no>/urge/", views.urge_page, name="urge"),
]
