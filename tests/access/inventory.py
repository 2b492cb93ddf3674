"""Every address of the product, read from the URLconf: what the tests of access are generated from."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

READ = ("GET", "HEAD")
WRITE = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Address:
    """One pattern of the URLconf: disputes/<case_no>/edit/, and the methods that its view answers."""

    route: str
    view: Callable[..., Any]
    methods: tuple[str, ...]

    @property
    def is_api(self) -> bool:
        return self.route.startswith("api/")

    @property
    def params(self) -> list[str]:
        return re.findall(r"<(\w+)>", self.route)

    def path(self, **values: object) -> str:
        return "/" + re.sub(r"<(\w+)>", lambda found: str(values[found[1]]), self.route)


def _walk(resolver: URLResolver, prefix: str) -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _walk(entry, route)
        else:
            yield route, entry


def plain(route: str) -> str:
    """disputes/<str:case_no>/ and the router's ^disputes/(?P<case_no>[^/]+)/$, both as disputes/<case_no>/."""
    route = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"<\1>", route)
    route = re.sub(r"<\w+:(\w+)>", r"<\1>", route)
    return route.replace("^", "").replace("$", "").replace("\\Z", "").replace("\\", "")


def methods_of(view: Callable[..., Any]) -> tuple[str, ...]:
    """What the view answers: a viewset's actions, a class's handlers, or the list of its @require_ decorator."""
    actions = getattr(view, "actions", None)
    if actions is not None:
        names = [name.upper() for name in actions]
        return tuple(m for m in (*READ, *WRITE) if m in names or (m == "HEAD" and "GET" in names))
    cls = getattr(view, "view_class", None) or getattr(view, "cls", None)
    if cls is not None:
        names = [name.upper() for name in cls.http_method_names if hasattr(cls, name)]
        return tuple(m for m in (*READ, *WRITE) if m in names or (m == "HEAD" and "GET" in names))
    listed = _required(view)
    assert listed is not None, f"{view.__module__}.{view.__name__} does not say which methods it takes"
    return tuple(m for m in (*READ, *WRITE) if m in listed)


def _required(view: Any) -> list[str] | None:
    """The request_method_list of require_http_methods, through whatever else wraps the view."""
    while view is not None:
        cells = dict(zip(view.__code__.co_freevars, view.__closure__ or (), strict=True))
        if "request_method_list" in cells:
            return list(cells["request_method_list"].cell_contents)
        view = getattr(view, "__wrapped__", None)
    return None


@functools.cache
def addresses() -> tuple[Address, ...]:
    """Every pattern of the URLconf, one Address each."""
    return tuple(
        Address(plain(route), entry.callback, methods_of(entry.callback)) for route, entry in _walk(get_resolver(), "")
    )


def count() -> int:
    """How many patterns the URLconf has, counted apart from `addresses`."""

    def size(entries: list[Any]) -> int:
        return sum(size(e.url_patterns) if isinstance(e, URLResolver) else 1 for e in entries)

    return size(get_resolver().url_patterns)
