"""Addresses of the months: handing in, the freeze, the check."""

from django.urls import URLPattern, path

from ledgers.months import views

urlpatterns: list[URLPattern] = [
    path("ledger/months/", views.months, name="months"),
    path("ledger/months/step/", views.step, name="months-step"),
    path("ledger/months/freeze/", views.freeze, name="months-freeze"),
    path("ledger/months/check/", views.check, name="months-check"),
]
