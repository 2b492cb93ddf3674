"""Addresses of counselling; the names are a contract (product.md)."""

from django.urls import URLPattern, path

from followups.counselling import views

urlpatterns: list[URLPattern] = [
    path("counselling/", views.referrals, name="counselling"),
    path("counselling/new/", views.new, name="counselling-new"),
    path("counselling/<uuid:uid>/", views.referral, name="counselling-one"),
    path("counselling/<uuid:uid>/phone/", views.phone, name="counselling-phone"),
    path("counselling/<uuid:uid>/notes/", views.notes, name="counselling-notes"),
]
