"""Check the access log's chains; exit code 1 when anything was changed, cut or added."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.models import AccessLog, Break, Chain, chains


class Command(BaseCommand):
    help = _("核对操作日志的校验链；有改动、删除、插入、调换或截断时退出码为 1")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--county", help=_("只核对这个县（6 位区划代码）"))
        parser.add_argument(
            "--anchor",
            type=Path,
            metavar="FILE",
            help=_("核对此文件中以往的链尾，全部无误时追加本次链尾；文件应放在数据库之外"),
        )

    def handle(self, *args: Any, county: str | None, anchor: Path | None, **options: Any) -> None:
        found: list[Break] = []
        intact: list[Chain] = []
        for chain in chains(county):
            self.stdout.write(
                _("%(county)s  %(rows)s 条  链尾 %(hash)s")
                % {"county": chain.county, "rows": chain.rows, "hash": chain.hash}
            )
            found += chain.breaks
            intact.append(chain)
        if anchor is not None:
            found += _lost_anchors(anchor)
        for place in found:
            self.stderr.write(f"{place.county} #{place.seq}  {place.reason}")
        if found:
            raise CommandError(_("发现 %(count)s 处不符") % {"count": len(found)}, returncode=1)
        if anchor is not None:
            _append_anchors(anchor, intact)
        self.stdout.write(self.style.SUCCESS(_("校验链完整")))


def _lost_anchors(anchor: Path) -> list[Break]:
    """The heads noted earlier that no longer occur: the only trace of a chain rewritten together with its head."""
    lost = []
    lines = anchor.read_text(encoding="utf-8").splitlines() if anchor.exists() else []
    for number, line in enumerate(lines, start=1):
        try:
            _at, county, seq, row_hash = line.split()
            place = int(seq)
        except ValueError:
            raise CommandError(
                _("%(file)s 第 %(number)s 行无法读取") % {"file": anchor, "number": number}, returncode=1
            ) from None
        if not AccessLog.objects.filter(county=county, seq=place, hash=row_hash).exists():
            lost.append(Break(county, place, _("以往留存的链尾已不存在（第 %(number)s 行）") % {"number": number}))
    return lost


def _append_anchors(anchor: Path, intact: list[Chain]) -> None:
    at = timezone.now().isoformat(timespec="seconds")
    with anchor.open("a", encoding="utf-8") as file:
        file.writelines(f"{at} {chain.county} {chain.seq} {chain.hash}\n" for chain in intact)
        file.flush()
        os.fsync(file.fileno())
