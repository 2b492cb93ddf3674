"""import_ledger FILE --as USER [--commit]: the dry run of an old ledger, and with --commit its cases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from disputes.models import MoveRefused
from ledgers.imports import doors, mapping
from ledgers.imports.models import ImportRow
from villages.models import User


class Command(BaseCommand):
    help = "Check an old ledger as this person may import it, tell every problem, and with --commit put it in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--as", dest="username", required=True, help="whose scope and name it is imported under")
        parser.add_argument("--commit", action="store_true", help="put in what is ready; without it, a dry run")
        parser.add_argument("--column", action="append", default=[], metavar="LABEL=TARGET", help="what a column is")
        parser.add_argument("--year", type=int, help="of days without one")
        parser.add_argument("--tier", type=int, choices=(1, 2, 3), help="whose ledger it is")

    def handle(self, *args: Any, file: Path, username: str, **options: Any) -> None:
        by = User.objects.filter(username=username, is_active=True).first()
        if by is None:
            raise CommandError(_("没有账号“%(name)s”，或者已停用") % {"name": username})
        columns = dict(pair.partition("=")[::2] for pair in options["column"])
        for label, target in columns.items():
            if target and target not in mapping.BY_KEY:
                raise CommandError(
                    _("“%(label)s”对不到“%(target)s”，可以对到：%(names)s")
                    % {"label": label, "target": target, "names": "、".join(mapping.BY_KEY)}
                )
        told = {name: options[name] for name in ("year", "tier") if options[name]}
        try:
            content = file.read_bytes()
        except OSError as error:
            raise CommandError(_("读不了 %(file)s：%(why)s") % {"file": file, "why": error.strerror}) from None
        at = timezone.now()
        try:
            batch = doors.take_file(ContentFile(content, name=file.name), by=by, at=at)
            doors.check(batch, at=at, columns=columns, in_background=False, **told)
            if options["commit"]:
                doors.commit_now(batch, at=at)
        except MoveRefused as refused:
            raise CommandError(refused.sentence) from None
        for sheet in batch.sheets:
            for sentence in sheet["notices"]:
                self.stdout.write(f"{sheet['name']}：{sentence}")
        for row in batch.lines.filter(verdict=ImportRow.Verdict.REFUSED).order_by("pk"):
            for column, _code, text in row.content(batch).get("problems", []):
                where = {"sheet": batch.sheets[row.sheet]["name"], "line": row.line, "column": column, "text": text}
                self.stderr.write(_("%(sheet)s 第 %(line)s 行 %(column)s：%(text)s") % where)
        sums = {"a": batch.rows, "b": batch.ready, "c": batch.refused, "d": batch.skipped}
        self.stdout.write(_("文件 %(a)s 行 = 入库 %(b)s + 退回 %(c)s + 空行等 %(d)s") % sums)
        if not options["commit"]:
            self.stdout.write(_("只是检查，什么都没有写入。加 --commit 入库"))
