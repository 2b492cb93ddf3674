"""Addresses of the monthly report."""

from django.urls import URLPattern, path

from ledgers.report import views

urlpatterns: list[URLPattern] = [
    path("ledger/report/", views.report, name="report"),
    path("ledger/report/download/", views.download, name="report-download"),
    path("ledger/report/rows/", views.rows, name="report-rows"),
]
