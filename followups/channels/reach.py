"""Which channels the environment has set up, and whom each of them reaches."""

from __future__ import annotations

from django.conf import settings
from django.db.models import Q

from followups.channels.models import Delivery
from villages.models import User

EMAIL, WEBHOOK = Delivery.Channel.EMAIL, Delivery.Channel.WEBHOOK


def configured() -> list[str]:
    """Channels whose address stands in the environment; none by default."""
    return [str(name) for name, on in ((EMAIL, settings.EMAIL_ON), (WEBHOOK, settings.WEBHOOK_URL)) if on]


def dedupes(channel: str) -> bool:
    """Whether the receiver drops a second message with the same key: no mail server does, a gateway says so."""
    return channel == WEBHOOK and settings.WEBHOOK_DEDUPES


def reached(channel: str, prefix: str = "") -> Q:
    """People who are reached on this channel: they have an address and have not switched it off."""
    active = Q(**{f"{prefix}is_active": True})
    if channel == EMAIL:
        return active & Q(**{f"{prefix}by_email": True, f"{prefix}email__gt": ""})
    return active & Q(**{f"{prefix}by_webhook": True})


def is_reached(channel: str, user: User) -> bool:
    """The same of one person that is loaded already."""
    return user.is_active and (bool(user.email and user.by_email) if channel == EMAIL else user.by_webhook)
