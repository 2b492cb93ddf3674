"""Addresses of the safeguards of one case."""

from django.urls import URLPattern, path

from disputes.safe import views

urlpatterns: list[URLPattern] = [
    path("disputes/<str:case_no>/acts/<str:name>/", views.act, name="act"),
    path("disputes/<str:case_no>/ways/", views.ways, name="ways"),
    path("disputes/<str:case_no>/dissuasions/", views.dissuasions, name="dissuasions"),
    path("safeguards/lifted/", views.lifted, name="lifted"),
    path("disputes/<str:case_no>/slips/", views.slips, name="slips"),
]
