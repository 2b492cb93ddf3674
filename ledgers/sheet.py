"""A layout's rows as the page draws them: the table of the screen and the paper, and the cards of the phone.

Drawn here and not in a template: fifty rows of twenty-two cells, twice, cost a template more than the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _g

from ledgers.columns import Row, Value, cells
from ledgers.profiles import Profile


class Sheet:
    """The table of one layout, row by row."""

    def __init__(self, profile: Profile) -> None:
        self.columns = profile.columns
        #: The classes of the columns that stand still: 序号 is narrow, and the second stands beside it.
        self.still = {0: (), 1: ("f0",), 2: ("f1", "f2")}[profile.frozen]
        self._css = [
            " ".join(filter(None, (self.still[n] if n < len(self.still) else "", column.css)))
            for n, column in enumerate(self.columns)
        ]
        self._labels = [str(column.label) for column in self.columns]
        keys = [column.key for column in self.columns]
        self._linked = next((keys.index(key) for key in ("case_no", "no") if key in keys), None)

    def texts(self, values: Sequence[Value]) -> list[str]:
        """The cells of a row as they are read on the screen and on paper."""
        return [column.text(value) for column, value in zip(self.columns, values, strict=True)]

    def draw(self, rows: Iterable[Row]) -> tuple[list[SafeString], list[SafeString]]:
        """Each row as cells of the table, and as a card."""
        lines, cards = [], []
        for row in rows:
            shown: list[str] = self.texts(cells(row, self.columns))
            # the cell that leads to the case: its number, else the first that is not empty
            at = self._linked if self._linked is not None else next((n for n, text in enumerate(shown) if text), 0)
            link = self._link(row, shown[at])
            lines.append(self.line([*shown[:at], link, *shown[at + 1 :]]))
            cards.append(self._card(link, at, shown))
        return lines, cards

    def line(self, shown: Sequence[str]) -> SafeString:
        return format_html_join("", '<td class="{}">{}</td>', zip(self._css, shown, strict=True))

    def _link(self, row: Row, text: str) -> SafeString:
        number = row["case_no"]
        if text == number:
            return format_html('<a href="/disputes/{}/">{}</a>', quote(number), text)
        words = _g("%(text)s，案件 %(number)s") % {"text": text, "number": number}
        return format_html('<a href="/disputes/{}/" aria-label="{}">{}</a>', quote(number), words, text)

    def _card(self, link: SafeString, at: int, shown: Sequence[str]) -> SafeString:
        told = list(self._told(at, shown))
        no = shown[0] if self.columns[0].key == "no" and at else ""
        return format_html(
            '<article><h2>{}{}{}</h2><dl class="dl">{}</dl></article>',
            no, " · " if no else "", link, format_html_join("", "<dt>{}</dt><dd>{}</dd>", told),
        )  # fmt: skip

    def _told(self, at: int, shown: Sequence[str]) -> Iterator[tuple[str, str]]:
        for n, (label, text) in enumerate(zip(self._labels, shown, strict=True)):
            if text and n != at and self.columns[n].key != "no":
                yield label, text
