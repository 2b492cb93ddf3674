"""The type of a request in a view: SignedInMiddleware lets nobody else through."""

from django.http import HttpRequest

from villages.models import User


class SignedInRequest(HttpRequest):
    """An HttpRequest whose user is a person, never AnonymousUser. For annotations; nobody makes one."""

    user: User
    request_id: str
