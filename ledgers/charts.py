"""Charts as SVG that the server writes (ui/README.md, 12): line, bars, stacked bar. No script, no inline style.

Each says in words what it shows (role img, title, desc); the table beside it holds every number with the link to its
list. Bars begin at 0, the value stands at its mark, and what went wrong is hatched as well as coloured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

Text = str | Promise
WIDTH = 480
LABEL, ROW, BAR = 132, 26, 14  # of a horizontal bar: room for its name, height with gap, height
LEFT, TOP, HIGH, BOTTOM = 34, 16, 150, 22  # of a line: room for the axis, above, the field, the months


@dataclass(frozen=True)
class Part:
    """One mark: its name, how many, the words that stand at it, and its class: c1 … c5, `bad` is hatched."""

    label: Text
    n: float
    words: Text = ""
    css: str = "c1"


def _frame(key: str, width: int, height: int, title: Text, desc: Text, inside: SafeString) -> SafeString:
    """The picture with its two texts; `key` makes its ids its own, since several stand on one page."""
    return format_html(
        '<svg class="chart" viewBox="0 0 {w} {h}" role="img" aria-labelledby="title-{key} desc-{key}">'
        '<title id="title-{key}">{title}</title><desc id="desc-{key}">{desc}</desc>'
        '<defs><pattern id="hatch-{key}" width="6" height="6" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><rect width="6" height="6" class="hatch-bg"></rect>'
        '<rect width="2" height="6" class="hatch-fg"></rect></pattern></defs>{inside}</svg>',
        w=width,
        h=height,
        key=key,
        title=title,
        desc=desc,
        inside=inside,
    )


def _fill(key: str, part: Part) -> SafeString:
    """The class of a mark, and its colour; what went wrong has the pattern of its picture."""
    if part.css == "bad":
        return format_html('class="mark bad" fill="url(#hatch-{})"', key)
    return format_html('class="mark {}" fill="currentColor"', part.css)


def bars(key: str, parts: Sequence[Part], *, title: Text, desc: Text) -> SafeString:
    """Horizontal bars in the order given, which is never one by size."""
    most = max((part.n for part in parts), default=0) or 1
    room = WIDTH - LABEL - 110
    inside = format_html_join(
        "",
        '<text x="{}" y="{}" class="name" text-anchor="end">{}</text>'
        '<rect x="{}" y="{}" width="{}" height="{}" {}></rect><text x="{}" y="{}" class="value">{}</text>',
        (
            (
                LABEL - 8,
                n * ROW + 17,
                _short(str(part.label)),
                LABEL,
                n * ROW + 6,
                f"{max(room * part.n / most, 1 if part.n else 0):.1f}",
                BAR,
                _fill(key, part),
                f"{LABEL + room * part.n / most + 6:.1f}",
                n * ROW + 17,
                part.words or f"{part.n:,}",
            )
            for n, part in enumerate(parts)
        ),
    )
    return _frame(key, WIDTH, max(len(parts), 1) * ROW + 8, title, desc, inside)


def stacked(key: str, parts: Sequence[Part], *, title: Text, desc: Text) -> SafeString:
    """One bar of shares, with its key below."""
    total = sum(part.n for part in parts) or 1
    drawn, at = [], 0.0
    for part in parts:
        width = WIDTH * part.n / total
        if part.n:
            drawn.append((f"{at:.1f}", f"{max(width - 1, 1):.1f}", _fill(key, part)))
        at += width
    inside = format_html_join("", '<rect x="{}" y="4" width="{}" height="26" {}></rect>', drawn)
    legend = format_html_join(
        "",
        '<rect x="{}" y="{}" width="12" height="12" {}></rect><text x="{}" y="{}" class="value">{} {}</text>',
        (
            (
                n % 3 * 160,
                42 + n // 3 * 22,
                _fill(key, part),
                n % 3 * 160 + 18,
                53 + n // 3 * 22,
                part.label,
                part.words or f"{part.n:,}",
            )
            for n, part in enumerate(parts)
        ),
    )
    return _frame(key, WIDTH, 42 + -(-len(parts) // 3) * 22, title, desc, format_html("{}{}", inside, legend))


def lines(
    key: str,
    names: Sequence[str],
    series: Sequence[tuple[Text, Sequence[float], str]],
    *,
    title: Text,
    desc: Text,
) -> SafeString:
    """Up to three lines over at most twelve months, from 0; each ends with its last value and has marks of its own."""
    most = max((value for _label, values, _css in series for value in values), default=0) or 1
    step = (WIDTH - LEFT - 40) / max(len(names) - 1, 1)

    def point(n: int, value: float) -> tuple[float, float]:
        return LEFT + n * step, TOP + HIGH * (1 - value / most)

    axis = format_html_join(
        "",
        '<line x1="{}" y1="{}" x2="{}" y2="{}" class="grid"></line>'
        '<text x="{}" y="{}" class="axis" text-anchor="end">{}</text>',
        (
            (LEFT, f"{y:.1f}", WIDTH - 40, f"{y:.1f}", LEFT - 6, f"{y + 4:.1f}", f"{value:,.0f}")
            for value, y in ((v, point(0, v)[1]) for v in dict.fromkeys((0, round(most / 2), most)))
        ),
    )
    below = format_html_join(
        "",
        '<text x="{}" y="{}" class="axis" text-anchor="middle">{}</text>',
        ((f"{LEFT + n * step:.1f}", TOP + HIGH + 16, name) for n, name in enumerate(names)),
    )
    drawn = format_html_join(
        "",
        '<g class="line {}"><polyline points="{}" fill="none" stroke="currentColor"></polyline>{}'
        '<text x="{}" y="{}" class="value">{}</text></g>',
        (
            (
                css,
                " ".join(f"{x:.1f},{y:.1f}" for x, y in (point(n, value) for n, value in enumerate(values))),
                format_html_join(
                    "",
                    '<circle cx="{}" cy="{}" r="3" fill="currentColor"></circle>',
                    ((f"{x:.1f}", f"{y:.1f}") for x, y in (point(n, value) for n, value in enumerate(values))),
                ),
                f"{point(len(values) - 1, 0)[0] + 7:.1f}",
                f"{point(0, values[-1] if values else 0)[1] + 4:.1f}",
                f"{values[-1]:,.0f}" if values else "",
            )
            for _label, values, css in series
        ),
    )
    legend = format_html_join(
        "",
        '<g class="line {}"><line x1="{}" y1="{}" x2="{}" y2="{}" stroke="currentColor"></line></g>'
        '<text x="{}" y="{}" class="value">{}</text>',
        (
            (css, n * 150, TOP + HIGH + 36, n * 150 + 22, TOP + HIGH + 36, n * 150 + 28, TOP + HIGH + 40, label)
            for n, (label, _values, css) in enumerate(series)
        ),
    )
    return _frame(
        key, WIDTH, TOP + HIGH + BOTTOM + 26, title, desc, format_html("{}{}{}{}", axis, below, drawn, legend)
    )


def _short(text: str) -> str:
    """A name that fits beside its bar; the table has it whole."""
    return text if len(text) <= 9 else f"{text[:8]}…"
