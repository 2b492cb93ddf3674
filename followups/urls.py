"""Addresses of this room; included at the root, because /notices/ and /healthz/reminders/ belong to it."""

from django.urls import include, path

from followups import views

urlpatterns = [
    path("healthz/reminders/", views.healthz_reminders, name="healthz_reminders"),
    path("followups/", views.queue, name="followups"),
    path("followups/<str:case_no>/", views.visit, name="visit"),
    path("followups/<str:case_no>/waive/<int:party>/", views.waive, name="waive"),
    path("", include("followups.counselling.urls")),
    path("notices/", views.notices_page, name="notices"),
    path("notices/read/", views.read_all, name="notices_read"),
    path("notices/<int:pk>/read/", views.read_one, name="notice_read"),
]
