"""Addresses of this room; included at the root, because /notices/ and /healthz/reminders/ belong to it."""

from django.urls import path

from followups import notice_views, operator_views, views

urlpatterns = [
    path("healthz/reminders/", views.healthz_reminders, name="healthz_reminders"),
    path("followups/", views.queue, name="followups"),
    path("followups/<str:case_no>/", views.visit, name="visit"),
    path("followups/<str:case_no>/waive/<int:party>/", views.waive, name="waive"),
    path("followups/<str:case_no>/danger-seen/", notice_views.danger_seen, name="danger_seen"),
    path("notices/", notice_views.notices_page, name="notices"),
    path("notices/read/", notice_views.read_all, name="notices_read"),
    path("notices/undo/", notice_views.undo, name="notices_undo"),
    path("notices/<int:pk>/read/", notice_views.read_one, name="notice_read"),
    path("notices/<int:pk>/open/", notice_views.open_one, name="notice_open"),
    path("notices/<int:pk>/read-case/", notice_views.read_case, name="notice_read_case"),
    path("notices/cases/<str:case_no>/mute/", notice_views.mute, name="notice_mute"),
    path("manage/reminders/", operator_views.reminders, name="manage_reminders"),
    path("manage/reminders/retry/", operator_views.retry, name="manage_reminders_retry"),
    path("me/notices/", notice_views.settings_page, name="notice_settings"),
]
