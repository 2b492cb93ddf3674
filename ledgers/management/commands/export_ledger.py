"""export_ledger: the month's ledger as a file, with the scope and masking of the person it is made for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from ledgers.export import export
from ledgers.exports.models import PDF_ROWS
from ledgers.files import WRITERS, whole_or_nothing
from ledgers.filters import LedgerFilter
from ledgers.month import LEDGER_ROLES, BadMonth, Month
from ledgers.months.frozen import ledger_for
from ledgers.profiles import BadProfile, profile
from villages.models import User


class Command(BaseCommand):
    help = "Export one month's ledger as xlsx, CSV or PDF, as USER sees it. Logged like an export on the page."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--as", dest="user", required=True, metavar="USER")
        parser.add_argument("--month", required=True, metavar="YYYY-MM")
        parser.add_argument("--office", metavar="CODE", help="only cases that this office handles")
        parser.add_argument("--profile", default="default", metavar="NAME", help="layout, e.g. county or facts")
        parser.add_argument("--output", required=True, type=Path, metavar="FILE", help=".xlsx, .csv or .pdf")

    def handle(self, *args: Any, **options: Any) -> None:
        output: Path = options["output"]
        kind = output.suffix.lower().removeprefix(".")
        if kind not in WRITERS:
            raise CommandError(_("只有 xlsx、csv 和 pdf 三种格式，文件名以 .xlsx、.csv 或 .pdf 结尾"))
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(_("没有启用的账号 %(name)s") % {"name": options["user"]})
        if not user.scope.has(*LEDGER_ROLES):
            raise CommandError(_("%(name)s 的岗位不看工作台账") % {"name": options["user"]})
        try:
            month = Month.parse(options["month"])
            layout = profile(user, options["profile"])
        except (BadMonth, BadProfile) as bad:
            raise CommandError(str(bad)) from None
        chosen = LedgerFilter({"office": options["office"] or ""}, user=user, month=month)
        if not chosen.form.is_valid():
            raise CommandError(_("%(name)s 的范围里没有单位 %(code)s") % {"name": user, "code": options["office"]})
        ledger = ledger_for(user, month, chosen, columns=layout.columns)
        if kind == "pdf" and ledger.count > PDF_ROWS:
            what = {"n": ledger.count, "most": PDF_ROWS}
            raise CommandError(_("有 %(n)d 行，PDF 最多 %(most)d 行。先加条件，或者导出 Excel") % what)
        try:
            with whole_or_nothing(output) as path:
                count = export(ledger, kind, path, filters=chosen.chosen(), title=str(layout.label))
        except OSError as error:
            raise CommandError(_("写不了 %(file)s：%(why)s") % {"file": output, "why": error.strerror}) from None
        self.stdout.write(_("%(month)s 台账 %(n)s 件，已写入 %(file)s") % {"month": month, "n": count, "file": output})
