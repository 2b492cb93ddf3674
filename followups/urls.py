"""Addresses of this room; included at the root, because /notices/ and /healthz/reminders/ belong to it."""

from django.urls import include, path

from followups import coverage_views, views
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
    path("notices/", views.notices_page, name="notices"),
    path("notices/read/", views.read_all, name="notices_read"),
    path("notices/<int:pk>/read/", views.read_one, name="notice_read"),
]
