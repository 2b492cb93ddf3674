"""Addresses of the work in the background."""

from django.urls import URLPattern, path

from ledgers.jobs import views

urlpatterns: list[URLPattern] = [
    path("jobs/<uuid:uid>/", views.job, name="job"),
    path("jobs/<uuid:uid>/cancel/", views.cancel, name="job-cancel"),
]
