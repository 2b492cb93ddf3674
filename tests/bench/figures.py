"""Count everything ahead, as the background task does; then one settled case more, so that one village is behind.

Run by tests.bench.run in the environment of a prepared site. Prints one line of JSON: the units and the seconds.
"""

from __future__ import annotations

import json
import sys
import time

import django

django.setup()

from django.db.models import Q  # noqa: E402

from disputes.models import Dispute  # noqa: E402
from ledgers.dashboard.models import Touched  # noqa: E402
from ledgers.dashboard.sums import recount, touched  # noqa: E402


def main(behind: bool) -> dict[str, float]:
    if behind:
        case = Dispute.objects.order_by("-pk").first()
        assert case is not None
        case.save(update_fields=["version"])
        return {"units": len(touched(Q())), "seconds": 0}
    began, units = time.perf_counter(), sorted(touched(Q()))
    for unit in units:
        recount(unit)
    Touched.objects.all().delete()
    return {"units": len(units), "seconds": time.perf_counter() - began}


if __name__ == "__main__":
    print(json.dumps(main("--behind" in sys.argv)))
