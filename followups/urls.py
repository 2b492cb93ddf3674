"""Addresses of this room; included at the root, because /notices/ and /healthz/reminders/ belong to it."""

from django.urls import include, path

from followups import coverage_views, notice_views, operator_views, views
from followups.handing import views as handing

urlpatterns = [
    path("healthz/reminders/", views.healthz_reminders, name="healthz_reminders"),
    path("followups/", views.queue, name="followups"),
    path("followups/route/", coverage_views.route, name="route"),
    path("followups/coverage/", coverage_views.coverage_page, name="coverage"),
    path("followups/coverage/visits/", coverage_views.covered, name="covered"),
    path("followups/look-back/", coverage_views.look_back, name="look_back"),
    path("followups/<str:case_no>/", views.visit, name="visit"),
    path("followups/<str:case_no>/relapse/", views.check, name="relapse"),
    path("followups/<str:case_no>/waive/<int:party>/", views.waive, name="waive"),
    path("followups/<str:case_no>/hand/", handing.visits, name="hand-visits"),
    path("hand-over/", handing.hand_over, name="hand-over"),
    path("hand-over/<uuid:uid>/", handing.receipt, name="hand-over-receipt"),
    path("", include("followups.counselling.urls")),
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
