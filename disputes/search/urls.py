"""The address of search."""

from django.urls import URLPattern, path

from disputes.search import views

urlpatterns: list[URLPattern] = [path("search/", views.search, name="search")]
