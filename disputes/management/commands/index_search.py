from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from disputes.models import Dispute
from disputes.search import index


class Command(BaseCommand):
    help = "Make the search entries that are lacking; with --all those of every case anew."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="every case, e.g. after a change of the rules")

    def handle(self, *args: Any, **options: Any) -> None:
        count, last = 0, 0
        while options["all"]:
            ids = list(Dispute.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[: index.BATCH])
            if not ids:
                break
            count, last = count + index.index_cases(ids), ids[-1]
        while made := index.mend():
            count += made
        self.stdout.write(_("已为 %(n)s 件案件建好搜索索引") % {"n": count})
