"""The API: every room lists its own routes in its api.py; the router only joins them."""

from rest_framework.routers import SimpleRouter

import config.todo_api
import disputes.api
import disputes.field.api
import disputes.inbox.api
import disputes.outcomes.api
import disputes.papers.api
import disputes.referrals.api
import disputes.search.api
import disputes.sessions.api
import disputes.whistles.api
import followups.api
import followups.handing.api
import ledgers.api
import ledgers.dashboard.api
import ledgers.exports.api
import ledgers.imports.api
import ledgers.layouts.api
import ledgers.months.api
import villages.api

router = SimpleRouter()
ROOMS = (
    villages.api,
    disputes.api,
    disputes.field.api,
    disputes.inbox.api,
    disputes.outcomes.api,
    disputes.papers.api,
    disputes.referrals.api,
    disputes.search.api,
    disputes.sessions.api,
    disputes.whistles.api,
    followups.api,
    followups.handing.api,
    config.todo_api,
    ledgers.api,
    ledgers.layouts.api,
    ledgers.dashboard.api,
    ledgers.imports.api,
    ledgers.months.api,
    ledgers.exports.api,
)
for room in ROOMS:
    for prefix, viewset, basename in room.routes:
        router.register(prefix, viewset, basename)
