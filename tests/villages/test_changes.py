import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.authtoken.models import Token

from audit.models import AccessLog, verify
from tests import factories
from villages import changes
from villages.models import ADMIN_ROLES, Coverage, Policy, Posting, Role, User, today
from villages.policy import CATALOGUE, policy_on

pytestmark = pytest.mark.django_db
NOW = factories.NOW
DAY = dt.date(2026, 3, 2)


def appoint(by, user, office, role, mark="", valid_from=None, valid_to=None):
    return changes.appoint(
        user=user,
        office=office,
        role=role,
        mark=mark,
        valid_from=valid_from or today(),
        valid_to=valid_to,
        by=by,
        at=NOW,
    )


def refused(function, *args, **kwargs):
    before = (Posting.objects.count(), AccessLog.objects.count())
    with pytest.raises(changes.Refused) as caught:
        function(*args, **kwargs)
    assert (Posting.objects.count(), AccessLog.objects.count()) == before
    return caught.value


# --- accounts --------------------------------------------------------------------------------------------------------
def test_a_new_account(w):
    user, password = changes.create_account(username="zx", name="扎西•顿珠", phone="13800001234", by=w.sysadmin, at=NOW)
    user.refresh_from_db()
    assert (user.name, user.initials) == ("扎西·顿珠", "zxdz")
    assert user.check_password(password)
    assert user.must_change_password
    assert user.initial_password_until == NOW + dt.timedelta(hours=24)
    assert AccessLog.objects.get(subject=f"user:{user.pk}").detail == {"did": "create", "username": "zx"}
    twice = refused(changes.create_account, username="zx", name="x", phone="", by=w.sysadmin, at=NOW)
    assert twice.field == "username"
    assert verify() == []


def test_disabling_ends_sessions_and_token_at_once(w, sign_in):
    client = sign_in(w.officer)
    token = changes.make_token(user=w.officer, at=NOW)
    api = Client(headers={"Authorization": f"Token {token}"})
    assert client.get("/me/").status_code == 200
    assert api.get("/api/v1/me/").status_code == 200
    changes.set_active(user=w.officer, active=False, by=w.sysadmin, at=NOW)
    assert client.get("/me/").status_code == 302
    assert api.get("/api/v1/me/").status_code == 401
    changes.set_active(user=w.officer, active=True, by=w.sysadmin, at=NOW)
    assert client.get("/me/").status_code == 302
    assert api.get("/api/v1/me/").status_code == 401
    assert not Token.objects.exists()
    refused(changes.set_active, user=w.sysadmin, active=False, by=w.sysadmin, at=NOW)


def test_resetting_a_password_ends_sessions(w, sign_in):
    client = sign_in(w.officer)
    assert client.get("/me/").status_code == 200
    changes.reset_password(user=w.officer, by=w.sysadmin, at=timezone.now())
    assert client.get("/me/").status_code == 302


# --- postings --------------------------------------------------------------------------------------------------------
def test_who_may_assign_where(w):
    may = lambda user: {office.name for office in changes.offices_assignable(user)}  # noqa: E731
    assert may(w.officer) == {"石门警务室", "石门村委会", "河湾村委会"}
    assert may(w.centre_lead) == {"松山镇综治中心", "石门警务室", "石门村委会", "河湾村委会"}
    assert len(may(w.secadmin)) == 10
    for user in (w.second_officer, w.assistant, w.supervisor, w.sysadmin, w.auditor, w.nobody):
        assert may(user) == set()
        assert not changes.may_assign(user)


def test_a_lead_assigns_within_the_own_area(w):
    posting = appoint(w.officer, w.nobody, w.sister_committee, Role.GRID)
    assert w.nobody.scope.villages == {w.sister_village.pk}
    row = AccessLog.objects.get(subject=f"posting:{posting.pk}")
    assert row.county == "620623"
    assert row.detail["role"] == "grid"
    assert refused(appoint, w.officer, w.nobody, w.far_committee, Role.GRID).field == "office"
    assert refused(appoint, w.officer, w.nobody, w.centre_office, Role.CENTRE).field == "office"
    assert refused(appoint, w.centre_lead, w.nobody, w.centre_office, Role.SUPERVISOR).field == "role"
    assert refused(appoint, w.officer, w.nobody, w.committee, Role.OFFICER).field == "role"


@pytest.mark.parametrize("have", sorted(ADMIN_ROLES))
@pytest.mark.parametrize("want", sorted(ADMIN_ROLES))
def test_the_three_administrators_are_three_people(w, have, want):
    appoint(w.secadmin, w.nobody, w.bureau, have)
    sentence = refused(appoint, w.secadmin, w.nobody, w.bureau, want).sentence
    assert ("已经担任" if have == want else "三个人") in sentence


@pytest.mark.parametrize("role", sorted(ADMIN_ROLES))
def test_administrators_handle_no_cases(w, role):
    assert "办案岗位" in refused(appoint, w.secadmin, w.assistant, w.bureau, role).sentence
    assert "办案岗位" in refused(appoint, w.secadmin, w.supervisor, w.bureau, role).sentence
    appoint(w.secadmin, w.nobody, w.bureau, role)
    assert "管理员不办案" in refused(appoint, w.secadmin, w.nobody, w.committee, Role.ASSISTANT).sentence


def test_an_administrator_that_ended_may_handle_cases_again(w):
    posting = appoint(w.secadmin, w.nobody, w.bureau, Role.AUDITOR, valid_from=DAY)
    changes.end_posting(posting=posting, on=today(), handover="", by=w.secadmin, at=NOW)
    appoint(w.secadmin, w.nobody, w.committee, Role.ASSISTANT)


def test_nobody_makes_oneself_an_administrator(w):
    assert refused(appoint, w.secadmin, w.secadmin, w.bureau, Role.SYSADMIN).field == "user"


def test_one_lead_and_one_deputy(w):
    assert "刘建军" in refused(appoint, w.secadmin, w.nobody, w.room, Role.OFFICER, "lead").sentence
    appoint(w.secadmin, w.nobody, w.room, Role.OFFICER, "deputy")


def test_dates_are_checked(w):
    day = today()
    assert (
        refused(appoint, w.secadmin, w.nobody, w.room, Role.OFFICER, valid_from=day, valid_to=day).field == "valid_to"
    )
    posting = w.officer.postings.get()
    early = posting.valid_from - dt.timedelta(1)
    assert (
        refused(changes.end_posting, posting=posting, on=early, handover="", by=w.secadmin, at=NOW).field == "valid_to"
    )


def test_ending_a_posting_keeps_the_hand_over_note(w):
    posting = w.assistant.postings.get()
    changes.end_posting(posting=posting, on=today(), handover="草场那件移交马小兰", by=w.officer, at=NOW)
    posting.refresh_from_db()
    assert (posting.valid_to, posting.handover) == (today(), "草场那件移交马小兰")
    w.assistant.forget_scope()
    assert w.assistant.scope.villages == set()
    refused(changes.end_posting, posting=posting, on=today(), handover="", by=w.officer, at=NOW)
    refused(changes.end_posting, posting=w.far_assistant.postings.get(), on=today(), handover="", by=w.officer, at=NOW)


def test_disabled_people_are_not_posted(w):
    w.nobody.is_active = False
    w.nobody.save()
    assert "已停用" in refused(appoint, w.secadmin, w.nobody, w.committee, Role.GRID).sentence


# --- offices ---------------------------------------------------------------------------------------------------------
def test_which_villages_a_room_serves_changes_from_a_day_on(w):
    def save(serves, day):
        changes.save_office(
            office=w.room, kind=w.room.kind, name=w.room.name, area=w.room.area, phone="", valid_to=None,
            serves=serves, by=w.sysadmin, at=NOW, day=day,
        )  # fmt: skip

    save([w.village], DAY)
    assert Coverage.objects.desk_for(w.sister_village, 2, DAY) is None
    assert Coverage.objects.desk_for(w.sister_village, 2, DAY - dt.timedelta(1)) == w.room
    save([w.village, w.sister_village], DAY)
    assert Coverage.objects.desk_for(w.sister_village, 2, DAY) == w.room
    assert w.room.coverage.count() == 2


def test_an_office_with_people_in_it_does_not_end(w):
    with pytest.raises(changes.Refused, match="还有人在岗"):
        changes.save_office(
            office=w.room, kind=w.room.kind, name=w.room.name, area=w.room.area, phone="", valid_to=today(),
            serves=[], by=w.sysadmin, at=NOW, day=today(),
        )  # fmt: skip
    assert w.room.coverage.filter(valid_to=None).count() == 2


# --- settings --------------------------------------------------------------------------------------------------------
def test_numbers_count_from_their_day_on(w):
    numbers = dict(policy_on(DAY))
    numbers["tier_days_1"] = 5
    later = DAY + dt.timedelta(10)
    assert changes.policy_changes(numbers, later) == [("tier_days_1", 3, 5)]
    assert changes.set_policy(values=numbers, on=later, by=w.sysadmin, at=NOW, day=DAY) == 1
    assert policy_on(DAY)["tier_days_1"] == 3
    assert policy_on(later)["tier_days_1"] == 5
    assert changes.set_policy(values=numbers, on=later, by=w.sysadmin, at=NOW, day=DAY) == 0
    assert Policy.objects.count() == 1
    assert AccessLog.objects.get(subject="policy").detail["set"] == {"tier_days_1": [3, 5]}


def test_numbers_are_not_changed_backwards_or_out_of_bounds(w):
    numbers = {key: item.default for key, item in CATALOGUE.items()}
    with pytest.raises(changes.Refused):
        changes.set_policy(values=numbers, on=DAY - dt.timedelta(1), by=w.sysadmin, at=NOW, day=DAY)
    with pytest.raises(changes.Refused) as caught:
        changes.set_policy(values={**numbers, "tier_days_1": 0}, on=DAY, by=w.sysadmin, at=NOW, day=DAY)
    assert caught.value.field == "tier_days_1"
    assert not Policy.objects.exists()


def test_a_failing_log_leaves_everything_as_it_was(w, monkeypatch):
    def broken(**kwargs):
        raise RuntimeError("no log")

    monkeypatch.setattr(changes, "record", broken)
    with pytest.raises(RuntimeError):
        appoint(w.secadmin, w.nobody, w.committee, Role.GRID)
    with pytest.raises(RuntimeError):
        changes.create_account(username="abc", name="x", phone="", by=w.sysadmin, at=NOW)
    assert not w.nobody.postings.exists()
    assert not User.objects.filter(username="abc").exists()
