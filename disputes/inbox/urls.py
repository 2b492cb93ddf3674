"""Addresses of the inbox and of instructions; the names are a contract (product.md)."""

from django.urls import URLPattern, path

from disputes.inbox import views

urlpatterns: list[URLPattern] = [
    path("inbox/", views.inbox, name="inbox"),
    path("inbox/<str:case_no>/", views.decide, name="decide"),
    path("disputes/<str:case_no>/instructions/new/", views.instruct, name="instruct"),
    path("disputes/<str:case_no>/instructions/<int:pk>/answer/", views.answer, name="answer"),
]
