"""The page of search."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from disputes import codes
from disputes.moves import Status
from disputes.page import STATUS_TAG
from disputes.search import find
from disputes.search.text import LIMIT, BadQuery, read
from disputes.views import me


def place_of(raw: str) -> int | None:
    """The id after which a page begins; None for the first page and for anything that is no id."""
    return int(raw) if re.fullmatch(r"[0-9]{1,18}", raw) else None


@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """Cases of one's scope, villages and the people of the directory, by one box."""
    user = me(request)
    typed = request.GET.get("q", "")
    context: dict[str, object] = {"typed": typed[: 2 * LIMIT], "limit": LIMIT, "hide_search": True}
    try:
        query = read(typed)
    except BadQuery as bad:
        return render(request, "disputes/search.html", context | {"wrong": bad.sentence}, status=422)
    if query is None:
        return render(request, "disputes/search.html", context)
    found = find.cases(user, query, place_of(request.GET.get("after", "")))
    known = codes.names() if found.cases else {}
    rows = [
        {
            "no": case.case_no,
            "title": case.title_for(user, codes.type_name(known, case.type_l1, case.type_l2)),
            "place": case.place_name,  # type: ignore[attr-defined]
            "tier": case.get_tier_display(),
            "status": case.get_status_display(),
            "tag": STATUS_TAG.get(Status(case.status), ("n", ""))[0],
            "reasons": find.reasons(case, user, query),
        }
        for case in found.cases
    ]
    villages, village_count = find.villages(query)
    people, people_count = find.people(query)
    words = [word.text for word in query.words]
    context |= {
        "query": query,
        "ignored": _("、").join(query.ignored),
        "reads_cases": user.scope.q() is not None,
        "rows": rows,
        "found": found,
        "next": f"?{urlencode({'q': query.raw, 'after': found.next})}" if found.next else "",
        "first": f"?{urlencode({'q': query.raw})}" if request.GET.get("after") else "",
        "villages": [(area, find.marked(area.short_name, words)) for area in villages],
        "village_count": village_count,
        "more_villages": f"/villages/?{urlencode({'q': query.raw})}" if village_count > len(villages) else "",
        "people": [(posting, find.marked(posting.user.name, words)) for posting in people],
        "people_count": people_count,
    }
    context["nothing"] = not (rows or villages or people)
    return render(request, "disputes/search.html", context)
