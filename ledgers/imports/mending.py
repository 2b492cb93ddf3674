"""The refused lines as a file: under the names of their own columns, with where they stood and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

from django.utils.translation import gettext as _g

from ledgers.columns import TEXT, Column
from ledgers.files import write_xlsx
from ledgers.imports.models import ImportBatch, ImportRow
from ledgers.imports.reading import shown

#: What is added in front; these names are left out when the file comes back (mapping.USELESS).
ADDED = ("工作表", "原行号", "问题")


def write_mend(batch: ImportBatch, path: Path) -> int:
    """Write the file; how many lines. Every cell is text, so that nothing of it changes on the way."""
    labels = [label for label in batch.mapping if label]
    columns = [Column(key, key, TEXT, 16, itemgetter(key)) for key in (*ADDED, *labels)]
    rows = list(batch.lines.filter(verdict=ImportRow.Verdict.REFUSED).exclude(sealed="").order_by("pk"))

    def lines() -> Iterator[list[str]]:
        for row in rows:
            content = row.content(batch)
            names = batch.sheets[row.sheet]["labels"]
            cells = dict(zip(names, map(shown, content.get("cells", [])), strict=False))
            problems = "；".join(
                f"{column}：{text}" if column else text for column, _code, text in content.get("problems", [])
            )
            yield [batch.sheets[row.sheet]["name"], str(row.line), problems, *(cells.get(name, "") for name in labels)]

    write_xlsx(path, columns, lines(), sheet=_g("退回的行"))
    return len(rows)
