"""One catalogue of every fact that a move may need: page forms, API serializers and the docs are built from it.

`clean_all` turns raw input (strings, lists and mappings, as a form or JSON gives them) into exactly what
`Dispute.perform` expects. People are named by username, offices by code, cases by case number, parties by their id.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from disputes import parsing
from disputes.models import Agreement, Dispute, Party
from disputes.moves import MOVES, Tier
from disputes.safeguards import SAFETY_QUESTIONS
from villages.models import DESK_ROLES, Office, Posting, User, in_force

if TYPE_CHECKING:
    from disputes.field.models import Place

Choices = tuple[tuple[str, Any], ...]

LINE, TEXT, DAY, TICK, YES_NO, CHOICE, MANY = "line", "text", "day", "tick", "yes_no", "choice", "many"
PERSON, OFFICE, CASE, CONSENTS, OBLIGATIONS, SAFETY, PARTS, YUAN, OF_CASE = (
    "person", "office", "case", "consents", "obligations", "safety", "parts", "yuan", "of_case",
)  # fmt: skip

MAX_OBLIGATIONS, MAX_PARTS = 50, 10

#: The other ways that are told when mediation ends without success (PMA 26), and to which a case is referred.
WAYS: Choices = (
    ("court", _("向人民法院起诉")),
    ("arbitral", _("申请仲裁")),
    ("admin", _("行政途径（主管部门、行政裁决、行政复议）")),
    ("police", _("公安机关依法处理")),
)
TRACKS: Choices = (("people", _("人民调解")), ("police", _("治安调解")))
DISPOSITION_NAMES: Choices = (
    ("criticism", _("批评教育")),
    ("warning_letter", _("告诫书")),
    ("protection_order", _("人身安全保护令")),
    ("police", _("已转公安依法处理")),
)
SAFETY_LABELS: Mapping[str, Any] = {
    "beating": _("有没有打人"),
    "restraint": _("有没有限制人身自由"),
    "insult": _("有没有经常谩骂、恐吓"),
    "threat": _("有没有威胁"),
    "fear": _("单独和对方在一起害不害怕"),
}
assert tuple(SAFETY_LABELS) == SAFETY_QUESTIONS
EXCLUSION_LIST = _(
    "七种情形：雇凶伤害他人；结伙斗殴或者其他寻衅滋事；多次实施违反治安管理行为；当事人明确表示不愿意调解；"
    "调解过程中又针对对方实施违反治安管理行为；调解过程中违法嫌疑人逃跑；其他不宜调解的"
)


@dataclass(frozen=True)
class Fact:
    """One fact: its words, its kind, and what may be chosen; `options` are the rows of a person, office or case."""

    label: Any
    kind: str
    help: Any = ""
    choices: Callable[[Dispute], Choices] | None = None
    options: Callable[[Dispute, User], QuerySet] | None = None
    limit: int = 2000

    @property
    def key(self) -> str:
        """The field by which a row of `options` is named in a form and in JSON."""
        return {PERSON: "username", OFFICE: "code", CASE: "case_no"}[self.kind]


# --- what may be chosen ----------------------------------------------------------------------------------------------
def people_of_desk(case: Dispute, user: User) -> QuerySet[User]:
    """Who holds a desk role at the case's desk today."""
    return people_at(Q(pk=case.desk_id))


def people_at(offices: Q) -> QuerySet[User]:
    """Active people with a desk role in force at offices that meet the condition."""
    posted = Posting.objects.filter(in_force(), role__in=DESK_ROLES, office__in=Office.objects.filter(offices))
    return User.objects.filter(is_active=True, pk__in=posted.values("user")).order_by("name", "pk")


def _around(case: Dispute | Place) -> Q:
    """Offices that may mediate here: those that serve, or stand in, the case's village or township; and its desk."""
    areas = [case.village_id, case.township_id]
    serving = Office.objects.filter(in_force(prefix="coverage__"), coverage__area__in=areas)
    kinds = (Office.Kind.VILLAGE, Office.Kind.ROOM, Office.Kind.STATION, Office.Kind.CENTRE, Office.Kind.JUSTICE)
    return in_force() & (
        Q(pk=case.desk_id) | (Q(kind__in=kinds) & (Q(area__in=areas) | Q(pk__in=serving.values("pk"))))
    )


def organisations(case: Dispute, user: User) -> QuerySet[Office]:
    """Offices that may stand as the mediating organisation."""
    return Office.objects.filter(_around(case)).order_by("code")


def chairs(case: Dispute | Place, user: User) -> QuerySet[User]:
    """People who may chair: posted at one of these offices."""
    return people_at(_around(case))


def targets(case: Dispute, user: User) -> QuerySet[Dispute]:
    """Cases into which this one may be merged, inside what `user` may read."""
    return Dispute.objects.visible_to(user).filter(township=case.township_id)


def tiers_from(case: Dispute) -> Choices:
    """The tier that settled the case, and those above."""
    return tuple((str(value), label) for value, label in Tier.choices if value >= case.tier)


def _fixed(choices) -> Callable[[Dispute], Choices]:
    return lambda case: tuple(choices)


FACTS: dict[str, Fact] = {
    "reason": Fact(_("理由"), TEXT),
    "to_add": Fact(_("要补充什么"), TEXT),
    "handler": Fact(_("经办人"), PERSON, options=people_of_desk),
    "person": Fact(_("指派给"), PERSON, options=people_of_desk),
    "result": Fact(_("化解结果"), CHOICE, choices=_fixed(Agreement.Result.choices)),
    "organisation": Fact(_("调解组织"), OFFICE, options=organisations),
    "chair": Fact(_("主持人"), PERSON, options=chairs),
    "agreed_on": Fact(_("达成日期"), DAY),
    "consents": Fact(_("当事人是否同意"), CONSENTS, _("逐一问过本人再选")),
    "text": Fact(_("协议内容"), TEXT, limit=20000),
    "obligations": Fact(_("履行内容"), OBLIGATIONS, _("书面协议至少填一行：谁、做什么、什么时候")),
    "on_the_spot": Fact(_("当场化解"), TICK, _("在村里当场说和的勾选，不用先受理")),
    "track": Fact(_("调解类别"), CHOICE, _("治安调解由民警主持"), choices=_fixed(TRACKS)),
    "safety": Fact(_("安全问题"), SAFETY, _("婚恋家庭纠纷逐项回答，只有经办人能看到答案")),
    "disposition": Fact(_("处置"), CHOICE, _("安全问题有“是”时必须选"), choices=_fixed(DISPOSITION_NAMES)),
    "exclusions_clear": Fact(_("不适用治安调解的情形"), YES_NO, EXCLUSION_LIST),
    "recording": Fact(_("录音录像编号"), LINE, _("现场治安调解不写协议书的必须填。只记编号，不存录像"), limit=60),
    "due_on": Fact(_("新的期限"), DAY),
    "way": Fact(_("引导去的途径"), CHOICE, choices=_fixed(WAYS)),
    "told_ways": Fact(_("已告知的其他途径"), MANY, choices=_fixed(WAYS)),
    "told_on": Fact(_("告知日期"), DAY),
    "asked_by": Fact(_("谁提出撤回"), LINE, limit=100),
    "report": Fact(_("反弹的情况"), TEXT),
    "tier": Fact(_("由哪一级办理"), CHOICE, _("不选就是原来化解的层级"), choices=tiers_from),
    "until": Fact(_("延期到"), DAY),
    "target": Fact(_("并入案号"), CASE, options=targets),
    "parts": Fact(_("拆成几件"), PARTS, _("每件写一段，段与段之间空一行；第一段留在本案"), limit=20000),
    "may_escalate": Fact(_("可能激化"), TICK, _("可能打起来或者出事的勾选，不用先登记调解")),
}
assert {name for move in MOVES.values() for name in move.facts} == FACTS.keys()


# --- cleaning --------------------------------------------------------------------------------------------------------
def clean_all(
    move: str, raw: Mapping[str, Any], *, case: Dispute, by: User, today: dt.date
) -> tuple[dict[str, Any], dict[str, str]]:
    """(facts for `perform`, sentence per fact that could not be read). Facts not given stay out: `perform` asks."""
    facts, errors = {}, {}
    for name in MOVES[move].facts:
        try:
            value = clean(name, raw.get(name), case=case, by=by, today=today)
        except ValidationError as error:
            errors[name] = " ".join(error.messages)
        else:
            if value is not None and value != "" and value != [] and value != {}:
                facts[name] = value
    return facts, errors


def clean(name: str, raw: Any, *, case: Dispute, by: User, today: dt.date) -> Any:
    """The value of one fact as `perform` expects it, or None; ValidationError with a sentence."""
    return read(FACTS[name], raw, case=case, by=by, today=today)


def read(fact: Fact, raw: Any, *, case: Dispute, by: User, today: dt.date) -> Any:
    """The same for a fact that stands in no move."""
    if raw is None or raw == "":
        return False if fact.kind == TICK else None
    return _CLEAN[fact.kind](fact, raw, case, by, today)


def _line(fact, raw, case, by, today):
    return parsing.text(raw, limit=fact.limit)


def _text(fact, raw, case, by, today):
    return parsing.text(raw, limit=fact.limit, lines=True)


def _day(fact, raw, case, by, today):
    return parsing.day(raw, today)


TRUE, FALSE = (True, "true", "on", "1", "yes"), (False, "false", "off", "0", "no")


def _yuan(fact, raw, case, by, today):
    return parsing.money(raw)


def _yes_no(fact, raw, case, by, today):
    if raw in TRUE:
        return True
    if raw in FALSE:
        return False
    raise ValidationError(_g("在“是”和“否”里选一个"))


def _choice(fact, raw, case, by, today):
    known = dict(fact.choices(case))
    if str(raw) not in known:
        raise ValidationError(_g("没有这个选项，在列出的里面选一个"))
    return int(raw) if fact is FACTS["tier"] else str(raw)


def _many(fact, raw, case, by, today):
    if not isinstance(raw, list | tuple):
        raise ValidationError(_g("没有这个选项，在列出的里面选"))
    return list(dict.fromkeys(_choice(fact, item, case, by, today) for item in raw))


def _row(fact, raw, case, by, today):
    if not isinstance(raw, str | int) or len(str(raw)) > 60:
        raise ValidationError(_g("没有这个选项，在列出的里面选一个"))
    key = parsing.case_no(raw) if fact.kind == CASE else parsing.text(raw, limit=60)
    row = fact.options(case, by).filter(**{fact.key: key}).first()
    if row is None:
        raise ValidationError(
            _g("没有这个案件，或者它不在本乡镇、你的范围内。核对案号")
            if fact.kind == CASE
            else _g("没有这个选项，在列出的里面选一个")
        )
    return row


def _party(case: Dispute, raw: Any) -> Party:
    for party in case.principal_parties():
        if str(party.pk) == str(raw):
            return party
    raise ValidationError(_g("本案没有这个当事人，在列出的里面选"))


def _consents(fact, raw, case, by, today):
    if not isinstance(raw, Mapping):
        raise ValidationError(_g("逐一确认当事人是否同意"))
    given = {}
    for key, answer in raw.items():
        if answer in (None, ""):
            continue
        if answer not in (Party.Consent.AGREED, Party.Consent.REFUSED):
            raise ValidationError(_g("在“同意调解”和“明确拒绝”里选一个"))
        given[_party(case, key).pk] = str(answer)
    return given


def _obligations(fact, raw, case, by, today):
    if not isinstance(raw, list | tuple) or len(raw) > MAX_OBLIGATIONS:
        raise ValidationError(_g("履行内容逐行填写，最多 %(n)s 行") % {"n": MAX_OBLIGATIONS})
    rows, errors = [], []
    for number, line in enumerate(raw, 1):
        if not isinstance(line, Mapping):
            raise ValidationError(_g("履行内容逐行填写，最多 %(n)s 行") % {"n": MAX_OBLIGATIONS})
        if not any(line.get(key) not in (None, "") for key in ("what", "amount", "due_on")):
            continue
        try:
            what = parsing.text(line.get("what"), limit=300)
            due_on = parsing.day(line.get("due_on"), today)
            if not what:
                raise ValidationError(_g("写明做什么"))
            if due_on is None:
                raise ValidationError(_g("填写履行期限"))
            rows.append(
                {
                    "debtor": _party(case, line.get("debtor")),
                    "what": what,
                    "amount": parsing.money(line.get("amount")),
                    "due_on": due_on,
                }
            )
        except ValidationError as error:
            errors.append(_g("第 %(n)s 行：%(text)s") % {"n": number, "text": " ".join(error.messages)})
    if errors:
        raise ValidationError(errors)
    return rows


def _safety(fact, raw, case, by, today):
    if not isinstance(raw, Mapping):
        raise ValidationError(_g("逐项回答安全问题"))
    return {q: _yes_no(fact, raw[q], case, by, today) for q in SAFETY_QUESTIONS if raw.get(q) not in (None, "")}


def _parts(fact, raw, case, by, today):
    """One text with a blank line between the parts, or a list of texts."""
    pieces = parsing.text(raw, limit=fact.limit, lines=True).split("\n\n") if isinstance(raw, str) else raw
    if not isinstance(pieces, list | tuple) or len(pieces) > MAX_PARTS:
        raise ValidationError(_g("最多拆成 %(n)s 件") % {"n": MAX_PARTS})
    return [part for part in (parsing.text(p, limit=fact.limit, lines=True) for p in pieces) if part]


_CLEAN: dict[str, Callable] = {
    LINE: _line,
    TEXT: _text,
    DAY: _day,
    YUAN: _yuan,
    TICK: _yes_no,
    YES_NO: _yes_no,
    CHOICE: _choice,
    OF_CASE: _choice,  # a row of this case by its id
    MANY: _many,
    PERSON: _row,
    OFFICE: _row,
    CASE: _row,
    CONSENTS: _consents,
    OBLIGATIONS: _obligations,
    SAFETY: _safety,
    PARTS: _parts,
}
