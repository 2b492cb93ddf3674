"""E-mail and webhook against real servers that fail: each message ends in sent, failed with a reason, or uncertain."""

from __future__ import annotations

import datetime as dt
import socket

import pytest

from followups.channels import sweep
from followups.channels.answers import in_words
from followups.channels.models import Delivery
from followups.models import Notice
from tests import factories as f
from tests.factories import NOW
from tests.faults import gateway
from villages.models import User

pytestmark = pytest.mark.django_db
SENDERS = {"email": gateway.mail, "webhook": gateway.webhook}


@pytest.fixture
def told(w, settings):
    """One notice of a danger for the officer alone, who is reached on both channels."""
    User.objects.exclude(pk=w.officer.pk).update(by_webhook=False)
    User.objects.filter(pk=w.officer.pk).update(email="officer@example.org", phone="13800000000")
    case = f.at_room(w)
    Notice.objects.all().delete()
    return Notice.objects.create(user=w.officer, dispute=case, kind="may_escalate", created_at=NOW)


def rounds(until_calm: int = 8) -> Delivery:
    """Rounds of the sweeps with a day between them, until nothing changes any more."""
    at = NOW
    for _ in range(until_calm):
        sweep.plan(lambda at=at: at)
        sweep.deliver_due(lambda at=at: at)
        at += dt.timedelta(days=1)
    return Delivery.objects.get()


@pytest.fixture(params=SENDERS)
def channel(request):
    return request.param


#: mode of the server → (how it ends on a channel that keeps doubles, what the reason names, how many were taken)
ENDINGS = {
    "webhook": {
        "plain": ("sent", "", 1),
        "garbage": ("failed", "看不懂", 0),
        "500": ("failed", "500", 0),
        "503": ("failed", "503", 0),
        "302": ("failed", "302", 0),
        "403": ("failed", "403", 0),
        "drop": ("uncertain", "没有答复", 2),
        "slow": ("uncertain", "没有答复", 0),
        "drip": ("failed", "看不懂", 0),
    },
    "email": {
        "plain": ("sent", "", 1),
        "550": ("failed", "550", 0),
        "451": ("failed", "451", 0),
        "drop": ("uncertain", "没有答复", 2),
        "slow": ("failed", "连不上", 0),
    },
}


@pytest.mark.parametrize(("channel", "mode"), [(name, mode) for name, modes in ENDINGS.items() for mode in modes])
def test_each_way_to_fail_has_its_end(told, settings, tmp_path, channel, mode):
    state, reason, taken = ENDINGS[channel][mode]
    if mode in ("slow", "drip"):
        settings.OUTBOX_CONNECT_SECONDS, settings.OUTBOX_TOTAL_SECONDS = 0.2, 0.2
    with SENDERS[channel](settings, tmp_path, mode) as server:
        row = rounds()
    assert (row.state, len(server.got())) == (state, taken)
    assert reason in in_words(row.error) and bool(row.error) == bool(reason)
    assert set(server.times()) <= {str(row.key)}
    assert row.tries == {"sent": 1, "uncertain": 2}.get(state, 1 if mode in ("302", "403", "550") else sweep.TRIES)


def test_a_server_that_is_down_fails_with_a_reason_and_holds_up_no_other(told, w, settings, channel):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    settings.WEBHOOK_SECRET, settings.EMAIL_BACKEND = "x", "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_ON, settings.EMAIL_HOST, settings.EMAIL_PORT = channel == "email", "127.0.0.1", port
    settings.WEBHOOK_URL = f"http://127.0.0.1:{port}/" if channel == "webhook" else ""
    Notice.objects.create(user=w.officer, dispute=told.dispute, kind="alarm", created_at=NOW)
    sweep.plan(lambda: NOW)
    sweep.deliver_due(lambda: NOW)
    assert sorted(Delivery.objects.values_list("tries", flat=True)) == [0, 1]  # one call is enough to know
    at = NOW
    for _ in range(12):
        at += dt.timedelta(days=1)
        sweep.deliver_due(lambda at=at: at)
    assert set(Delivery.objects.values_list("state", "tries")) == {("failed", sweep.TRIES)}
    assert all(in_words(error).startswith("连不上") for error in Delivery.objects.values_list("error", flat=True))


def test_a_gateway_that_drops_doubles_is_asked_until_it_is_sure(told, settings, tmp_path):
    with gateway.webhook(settings, tmp_path, "dedupe") as server:
        server.behave("drop")
        sweep.plan(lambda: NOW)
        sweep.deliver_due(lambda: NOW)
        row = Delivery.objects.get()
        assert (row.state, row.doubtful) == ("pending", False)
        server.behave("dedupe")
        row = rounds()
    assert (row.state, row.tries, server.times()) == ("sent", 2, {str(row.key): 1})


def test_words_hold_no_name_and_the_key_goes_along(told, w, settings, tmp_path):
    case = told.dispute
    with gateway.webhook(settings, tmp_path) as server, gateway.mail(settings, tmp_path) as box:
        settings.SITE_URL = "https://disputes.example.org"
        sweep.plan(lambda: NOW)
        sweep.deliver_due(lambda: NOW)
        (message,), (letter,) = server.got(), box.got()
    keys = dict(Delivery.objects.values_list("channel", "key"))
    assert (message["key"], letter["key"]) == (str(keys["webhook"]), str(keys["email"]))
    assert message["to"] == {"username": "officer", "phone": "13800000000"} and message["urgent"]
    assert message["url"] == "https://disputes.example.org/notices/"
    assert "松山镇石门村" in message["lines"][0] and message["count"] == 1
    for name in [case.side_a, case.side_b, *case.parties.values_list("name", flat=True)]:
        assert name not in str(message) + letter["text"]


def test_the_outcome_of_a_dead_workers_message_is_unknown(told, settings, tmp_path, channel):
    with SENDERS[channel](settings, tmp_path) as server:
        sweep.plan(lambda: NOW)
        lease = dt.timedelta(seconds=60)
        (row,) = Delivery.objects.claim(now=NOW, lease=lease, limit=5)
        assert row.begin(at=NOW, lease=lease, dedupes=False)  # and here its worker dies
        assert sweep.deliver_due(lambda: NOW) == 0
        assert sweep.deliver_due(lambda: NOW + dt.timedelta(seconds=61)) == 1
        assert not row.finish(at=NOW, state="sent")  # the dead one's fence is down
    again = Delivery.objects.get()
    assert (again.state, again.error, len(server.got())) == ("uncertain", "", 1)
