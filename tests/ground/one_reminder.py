"""Run as a program against the database of an installation: `make` a case whose visits are overdue, `look` at notices.

Exit 0 from `look` once every person at the desk was told exactly once.
"""

import os
import sys
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def main(what: str) -> int:
    django.setup()
    from django.utils import timezone

    from followups.models import Notice, ReturnVisit
    from tests.factories import settled, world

    if what == "make":
        settled(world(), at=timezone.now() - timedelta(days=30))
        return 0 if ReturnVisit.objects.planned().count() >= 2 else 1  # one per party
    told = list(Notice.objects.filter(reminder__state="sent").values_list("user__username", "kind"))
    print(told)
    return 0 if told and len(told) == len(set(told)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
