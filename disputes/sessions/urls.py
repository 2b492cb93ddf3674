"""Addresses of sessions; the names are a contract (product.md)."""

from django.urls import URLPattern, path

from disputes.sessions import views

urlpatterns: list[URLPattern] = [
    path("sessions/", views.sessions, name="sessions"),
    path("sessions/rooms/", views.venues, name="venues"),
    path("sessions/rooms/<int:pk>/end/", views.end_venue, name="end-venue"),
    path("sessions/<uuid:uid>/", views.invitation, name="invitation"),
    path("disputes/<str:case_no>/sessions/new/", views.plan, name="plan-session"),
    path("disputes/<str:case_no>/sessions/<int:pk>/", views.session, name="session"),
    path("disputes/<str:case_no>/sessions/<int:pk>/change/", views.change, name="change-session"),
    path("disputes/<str:case_no>/sessions/<int:pk>/call-off/", views.call_off, name="call-off-session"),
    path("disputes/<str:case_no>/sessions/<int:pk>/print/", views.sheet, name="print-session"),
]
