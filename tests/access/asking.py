"""Asking one address as one person, and comparing answers."""

from __future__ import annotations

import re
import time
from http.cookies import SimpleCookie
from typing import NamedTuple

from django.db import transaction
from django.test import Client

from tests.access.bodies import body
from tests.access.county import ACTORS, RELATIONS, County, kind_of
from tests.access.inventory import Address, addresses

#: Addresses that are asked for each of several values of a parameter.
VARIANTS = {
    "disputes/<case_no>/moves/<name>/": ("take_up", "assign", "reopen", "nonsense"),
    "disputes/<case_no>/acts/<name>/": ("acceptance", "police", "performance", "nonsense"),
}


class Answer(NamedTuple):
    """What came back, with the request's own number masked."""

    status: int
    location: str
    headers: dict[str, str]
    content: bytes

    @property
    def word(self) -> str:
        """The status as the policy file writes it: a redirect to the sign-in page is `login`."""
        return "login" if self.status == 302 and self.location.startswith("/login/") else str(self.status)

    def difference(self, other: Answer) -> str:
        """Where this answer tells more than the one about something that does not exist."""
        headers = {
            name for name in {*self.headers, *other.headers} if self.headers.get(name) != other.headers.get(name)
        }
        at = next((n for n, (a, b) in enumerate(zip(self.content, other.content, strict=False)) if a != b), 0)
        shown = [
            content[max(0, at - 60) : at + 60].decode(errors="replace") for content in (self.content, other.content)
        ]
        return f"differs from a number that does not exist in {sorted(headers)}: {shown[0]!r} / {shown[1]!r}"


def questions() -> list[Address]:
    """Every address, those with variants once per variant."""
    found = []
    for address in addresses():
        for value in VARIANTS.get(address.route, ("",)):
            route = address.route.replace("<name>", value) if value else address.route
            found.append(Address(route, address.view, address.methods))
    return found


def relations_of(address: Address) -> tuple[str, ...]:
    return RELATIONS[kind_of(address.route)]


class Asker:
    """A county with everybody signed in."""

    def __init__(self, county: County, actors: list[str] = ACTORS) -> None:
        self.county = county
        self.clients = {name: Client(raise_request_exception=False) for name in actors}
        for name, client in self.clients.items():
            user = county.actors[name]
            if user:
                client.force_login(user, "django.contrib.auth.backends.ModelBackend")
                # Marked as used, so that no later answer differs by a renewed session cookie.
                session, now = client.session, int(time.time())
                session.update({"began_at": now, "seen_at": now + 3600})
                session.save()
        county.disable()

    def ask(self, address: Address, method: str, actor: str, relation: str, *, keep: bool = False) -> Answer:
        """One request, rolled back unless what it wrote is to be kept."""
        client = self.clients[actor]
        cookies = SimpleCookie()
        for name, morsel in client.cookies.items():
            cookies[name] = morsel.value
        path = address.path(**self.county.values(address.route, relation, actor))
        sent = body(self.county, address, method, relation, actor)
        try:
            with transaction.atomic():
                response = getattr(client, method.lower())(path, **sent)
                content = b"".join(response.streaming_content) if response.streaming else response.content
                transaction.set_rollback(not keep)
        finally:
            client.cookies = cookies
        headers = {name: value for name, value in response.headers.items() if name != "X-Request-ID"}
        masked = re.sub(rb"E-[0-9A-F]{6}", b"E-######", content)
        headers["Set-Cookie"] = response.cookies.output(header="")
        return Answer(response.status_code, response.headers.get("Location", ""), headers, masked)
