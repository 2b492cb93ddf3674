"""Names and choices of the official code tables that a dispute uses."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from django.utils.translation import get_language

from villages.models import Code, today

TYPE_L1, TYPE_L2, SOURCE = "dispute_type_zz_l1", "dispute_type_zz_l2", "case_source"

Names = Mapping[str, Mapping[str, str]]
TABLES = (TYPE_L1, TYPE_L2, SOURCE)


class Codes:
    """The types and sources as they stand on one day: every name, and what may be chosen; one query."""

    def __init__(self, day: dt.date | None = None):
        day = day or today()
        english = (get_language() or "").startswith("en")
        self.names: dict[str, dict[str, str]] = {table: {} for table in TABLES}
        self.offered: dict[str, list[tuple[str, str]]] = {table: [] for table in TABLES}
        rows = Code.objects.filter(table__in=TABLES).order_by("table", "code")
        for table, code, chinese, name_en, active, since, until in rows.values_list(
            "table", "code", "name", "name_en", "active", "valid_from", "valid_to"
        ):
            name = (english and name_en) or chinese
            self.names[table][code] = name  # ended ones too: last year's case still has its type's name
            if active and since <= day and (until is None or until > day):
                self.offered[table].append((code, name))

    def grouped(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Both levels as groups for one select: the group's own code first, for a type not known more exactly."""
        return [
            (name, [(code, name), *(row for row in self.offered[TYPE_L2] if row[0].startswith(code))])
            for code, name in self.offered[TYPE_L1]
        ]


def names() -> Names:
    """Code → name of the types and sources, ended ones too; one query."""
    return Codes().names


def type_name(known: Names, l1: str, l2: str) -> str:
    """The most exact name of a dispute's type; the group's where the second level just says 其他."""
    if l2 and not l2.endswith("99"):
        return known[TYPE_L2].get(l2, l2)
    return known[TYPE_L1].get(l1, l1)
