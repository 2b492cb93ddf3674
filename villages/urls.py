"""Addresses of this room; included at the root, because /login/, /me/ and /help/ belong to it."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from villages import views, views_account, views_manage


class DivisionCode(StringConverter):
    """A 12-digit division code."""

    regex = "[0-9]{12}"


register_converter(DivisionCode, "division")

urlpatterns = [
    path("login/", views_account.LoginView.as_view(), name="login"),
    path("logout/", views_account.sign_out, name="logout"),
    path("i18n/setlang/", require_POST(set_language), name="set_language"),
    path("me/", views_account.me, name="me"),
    path("me/messages/", views_account.messages_set, name="messages_set"),
    path("me/password/", views_account.password, name="password"),
    path("me/token/", views_account.token_make, name="token_make"),
    path("me/token/revoke/", views_account.token_revoke, name="token_revoke"),
    path("me/sessions/end/", views_account.sessions_end, name="sessions_end"),
    path("help/", views_account.help_page, name="help"),
    path("villages/", views.village_list, name="villages"),
    path("villages/gaps/", views.gap_list, name="village_gaps"),
    path("villages/<division:code>/", views.village_detail, name="village"),
    path("villages/<division:code>/edit/", views.village_edit, name="village_edit"),
    path("manage/", views_manage.index, name="manage"),
    path("manage/people/", views_manage.people, name="manage_people"),
    path("manage/people/new/", views_manage.person_new, name="manage_person_new"),
    path("manage/people/<int:pk>/", views_manage.person, name="manage_person"),
    path("manage/people/<int:pk>/password/", views_manage.person_password, name="manage_person_password"),
    path("manage/people/<int:pk>/active/", views_manage.person_active, name="manage_person_active"),
    path("manage/postings/new/", views.posting_new, name="posting_new"),
    path("manage/postings/<int:pk>/end/", views.posting_end, name="posting_end"),
    path("manage/offices/", views_manage.offices, name="manage_offices"),
    path("manage/offices/new/", views_manage.office_new, name="manage_office_new"),
    path("manage/offices/<int:pk>/", views_manage.office, name="manage_office"),
    path("manage/codes/", views_manage.codes, name="manage_codes"),
    path("manage/codes/<int:pk>/", views_manage.code, name="manage_code"),
    path("manage/codes/<slug:table>/new/", views_manage.code_new, name="manage_code_new"),
    path("manage/deadlines/", views_manage.deadlines, name="manage_deadlines"),
    path("manage/calendar/", views_manage.calendar, name="manage_calendar"),
    path("manage/audit/", views_manage.audit, name="manage_audit"),
    path("manage/audit/check/", views_manage.audit_check, name="manage_audit_check"),
]
