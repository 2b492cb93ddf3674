"""The API: every room lists its own routes in its api.py; the router only joins them."""

from rest_framework.routers import SimpleRouter

import disputes.api
import disputes.field.api
import followups.api
import ledgers.api
import villages.api

router = SimpleRouter()
for room in (villages.api, disputes.api, disputes.field.api, followups.api, ledgers.api):
    for prefix, viewset, basename in room.routes:
        router.register(prefix, viewset, basename)
