"""Addresses of whistles; the names are a contract (product.md)."""

from django.urls import URLPattern, path

from disputes.whistles import views
from disputes.whistles.models import ANSWERS

urlpatterns: list[URLPattern] = [
    path("whistles/", views.whistles, name="whistles"),
    path("whistles/<uuid:uid>/", views.whistle, name="whistle"),
    path("whistles/<uuid:uid>/seen/", views.seen, name="whistle-seen"),
    path("whistles/<uuid:uid>/reveal/", views.reveal, name="whistle-reveal"),
    path("whistles/<uuid:uid>/attachments/<uuid:file>/", views.download, name="whistle-file"),
    path("whistles/<uuid:uid>/call-off/", views.call_off, name="whistle-off"),
    path("whistles/<uuid:uid>/close/", views.close, name="whistle-close"),
    *(path(f"whistles/<uuid:uid>/{name}/", views.answer, {"name": name}, name=f"whistle-{name}") for name in ANSWERS),
    path("disputes/<str:case_no>/whistles/", views.of_case, name="case-whistles"),
    path("disputes/<str:case_no>/whistles/new/", views.blow, name="blow"),
]
