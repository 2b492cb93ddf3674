"""Addresses of visits, captures and triage; the names are a contract (product.md)."""

from django.urls import URLPattern, path

from disputes.field import views

urlpatterns: list[URLPattern] = [
    path("visits/", views.visits, name="visits"),
    path("visits/new/", views.begin, name="begin"),
    path("visits/<uuid:uid>/", views.visit, name="walk"),
    path("visits/<uuid:uid>/end/", views.end, name="end"),
    path("visits/<uuid:uid>/paste/", views.paste, name="paste"),
    path("captures/<uuid:uid>/", views.capture, name="capture"),
    path("captures/<uuid:uid>/settle/", views.settle, name="settle"),
    path("captures/<uuid:uid>/photos/<uuid:photo>/", views.photo, name="photo"),
    path("captures/<uuid:uid>/photos/<uuid:photo>/<int:size>/", views.photo, name="photo-preview"),
    path("captures/<uuid:uid>/acknowledge/", views.acknowledge, name="acknowledge"),
    path("triage/", views.triage, name="triage"),
    path("triage/<uuid:uid>/", views.sort, name="sort"),
]
