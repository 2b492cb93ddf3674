"""The monthly report as a text to go on writing in: a DOCX filled with the numbers of the page (domain.md 8.2)."""

from __future__ import annotations

import datetime as dt
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override

from disputes.papers import template
from disputes.papers.shipped import docx_from
from disputes.papers.words import day
from ledgers.report.blocks import Report, change, rate
from ledgers.report.tally import Sums

SOURCE = Path(__file__).with_name("narrative.txt")


@cache
def shipped() -> bytes:
    return docx_from(SOURCE.read_text(encoding="utf-8"))


def docx(report: Report, *, area: str, unit: str, today: dt.date) -> bytes:
    """The narrative of one report. What only people can write is left to them in brackets."""
    with override(settings.LANGUAGE_CODE):  # the official text speaks Chinese, whoever asks for it
        return template.fill(shipped(), values(report, area=area, unit=unit, today=today)).docx()


def values(report: Report, *, area: str, unit: str, today: dt.date) -> dict[str, Any]:
    total, month = report.total, report.month
    before, year = report.before, report.year_before
    prevented = report.flags
    kinds = [
        ("suicide", _("防止自杀")),
        ("crime", _("防止民转刑")),
        ("brawl", _("防止械斗")),
        ("petition", _("防止群体性上访")),
    ]
    table = [
        {"类别": name, "新收": f"{sums.new}", "办结": f"{sums.done}", "成功": f"{sums.success}"}
        for code, name in report.types.items()
        if (sums := report.by_type.get(code, Sums())).new or sums.done
    ]
    table.append({"类别": _("合计"), "新收": f"{total.new}", "办结": f"{total.done}", "成功": f"{total.success}"})
    most = max(report.by_type.items(), key=lambda item: item[1].new, default=None)
    amount = f"{total.amount:,.2f}".removesuffix(".00")
    agreed = f"{report.promises.amount:,.2f}".removesuffix(".00")
    return {
        "标题": _("%(area)s矛盾纠纷排查化解工作月报") % {"area": area},
        "月份": _("%(year)s年%(month)s月") % {"year": month.year, "month": month.month},
        "总量": _(
            "上月结转 %(a)s 件，本月新收 %(b)s 件（其中反弹 %(r)s 件），本月办结 %(c)s 件，期末在办 %(d)s 件。"
            "新收涉及 %(people)s 人、%(amount)s 元。"
        )
        % {
            "a": total.carried, "b": total.new, "r": total.relapsed, "c": total.done, "d": total.still_open,
            "people": total.people, "amount": amount,
        },
        "比较": _("新收环比 %(m)s（上月 %(was)s 件），同比 %(y)s（去年 %(then)s 件）；办结环比 %(dm)s，同比 %(dy)s。")
        % {
            "m": change(total.new, before.new), "was": before.new, "y": change(total.new, year.new), "then": year.new,
            "dm": change(total.done, before.done), "dy": change(total.done, year.done),
        },
        "类型": _("本月新收按综治分类如下，空的类别不列。"),
        "类型表": table,
        "辖区": _("辖区：") + ("；".join(f"{name} {n} 件" for name, n in report.townships()) or _("没有新收")) + "。",
        "时段": _("时段：") + "；".join(f"{name} {n} 件" for name, n in report.thirds()) + "。",
        "成效": _(
            "调解终结 %(final)s 件，达成协议 %(success)s 件，成功率 %(rate)s；自行和解 %(own)s 件、撤回 %(gone)s 件、"
            "引导其他途径 %(ref)s 件不计入。协议涉及 %(amount)s 元，约定履行 %(due)s 项，已履行 %(kept)s 项。"
        )
        % {
            "final": total.final, "success": total.success, "rate": rate(total.success, total.final),
            "own": total.self_settled, "gone": total.withdrawn, "ref": total.referred, "amount": agreed,
            "due": report.promises.promised, "kept": report.promises.kept,
        },
        "防止激化": "；".join(f"{name} {prevented.get(kind, (0, 0))[0]} 件 {prevented.get(kind, (0, 0))[1]} 人"
                          for kind, name in kinds) + "。",
        "特征一": _("一是%(type)s类新收较多，%(n)s 件。（请补充具体情况）")
        % {"type": report.types.get(most[0], most[0]), "n": most[1].new}
        if most and most[1].new
        else _("一是（请补充）"),
        "特征二": _("二是（请补充）"),
        "建议": _("（请补充下一步建议）"),
        "单位": unit,
        "日期": day(today),
    }  # fmt: skip
