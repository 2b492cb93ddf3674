"""Addresses of papers, dossiers and templates."""

from django.urls import URLPattern, path

from disputes.papers import views

urlpatterns: list[URLPattern] = [
    path("disputes/<str:case_no>/papers/", views.papers, name="papers"),
    path("disputes/<str:case_no>/papers/new/<slug:kind>/", views.make, name="paper-new"),
    path("disputes/<str:case_no>/papers/<uuid:uid>/pdf/", views.pdf, name="paper-pdf"),
    path("disputes/<str:case_no>/papers/<uuid:uid>/docx/", views.docx, name="paper-docx"),
    path("disputes/<str:case_no>/papers/<uuid:uid>/void/", views.void, name="paper-void"),
    path("disputes/<str:case_no>/papers/<uuid:uid>/scans/", views.scan, name="paper-scan"),
    path("disputes/<str:case_no>/dossier/", views.dossier, name="dossier"),
    path("disputes/<str:case_no>/dossier/<uuid:uid>/", views.place, name="dossier-place"),
    path("manage/papers/", views.templates, name="manage-papers"),
    path("manage/papers/<slug:kind>/", views.template, name="manage-paper"),
    path("manage/papers/<slug:kind>/<int:version>/download/", views.template_file, name="manage-paper-version"),
]
