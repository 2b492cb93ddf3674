"""The papers of domain.md 7: which there are, when each may be made out, and the words that fill it in.

A kind says what its template may name (`fields`), what only a person can say (`asks`), and how the rest is gathered
from the case. Upper rooms add their own kinds in AppConfig.ready(), as followups does with the return-visit record.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils import timezone
from django.utils.functional import Promise, cached_property
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from disputes import codes
from disputes.models import Agreement, Dispute, Obligation, Party, PartySecret
from disputes.moves import Status
from disputes.papers import words
from disputes.papers.words import PEN
from disputes.safe.models import PoliceTrack
from disputes.sessions.models import Session
from villages.models import Office, User

Values = dict[str, Any]
WhyNot = Callable[[Dispute, "Agreement | None"], "str | None"]

#: Index rows of a dossier (卷内目录), in order; ★ rows must be there.
ROWS: dict[int, tuple[str, bool]] = {
    1: ("申请书或受理登记表", True),
    2: ("权利义务告知书", True),
    3: ("身份证明", True),
    4: ("授权委托书", False),
    5: ("调查记录", False),
    6: ("证据材料", False),
    7: ("调解记录", True),
    8: ("调解协议书", True),
    9: ("收条等履行凭证", False),
    10: ("回访记录", False),
    11: ("司法确认材料", False),
    12: ("卷宗情况说明", False),
    13: ("封底", True),
}
COVER, INDEX = 0, -1  # before the rows
PERSON = ("称谓", "姓名", "性别", "民族", "年龄", "职业", "电话", "住址", "监护人", "代理人")
#: What every paper may name.
COMMON: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("编号", "案号", "单位", "卷名", "纠纷类型", "来源", "简要情况", "当事人姓名", "调解员"), ()),
    **dict.fromkeys(("受理日期", "协议日期", "协议编号", "出具日期", "经办人"), ()),
    **dict.fromkeys(("当事人", "申请人", "被申请人"), PERSON),
}


@dataclass(frozen=True)
class Ask:
    """Something that a person writes for one paper; `optional` may stay empty and is then left for the pen."""

    key: str
    label: str | Promise
    field: str
    lines: bool = False
    optional: bool = False
    help: str | Promise = ""
    initial: Callable[[Source], str] = lambda source: ""


@dataclass(frozen=True)
class Kind:
    """One kind of paper; `series` is the word of its numbers, `row` its place in the dossier."""

    key: str
    title: str | Promise
    row: int
    why_not: WhyNot
    series: str = ""
    with_year: bool = True
    written: bool = False  # every obligation must say who, what, by when
    asks: tuple[Ask, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    gather: Callable[[Source], Values] = lambda source: {}

    @property
    def fields(self) -> dict[str, tuple[str, ...]]:
        """Everything that a template of this paper may name."""
        if self.row == INDEX:
            return {"案号": (), **self.extra}
        return {**COMMON, **self.extra, **{ask.field: () for ask in self.asks}}


class Source:
    """One case as its papers read it, loaded once; opens the parties' sealed values, so its caller logs that first."""

    def __init__(self, case: Dispute, by: User, at: dt.datetime) -> None:
        self.case, self.by, self.at = case, by, at
        self.today = timezone.localdate(at)
        self.parties = list(case.parties.select_related("secret").order_by("side", "pk"))
        self.agreement = agreement_of(case)
        self.obligations = list(self.agreement.obligations.select_related("debtor")) if self.agreement else []
        known = codes.names()
        self.type_name = codes.type_name(known, case.type_l1, case.type_l2)
        self.source_name = known[codes.SOURCE].get(case.source, case.source)

    @cached_property
    def session(self) -> dict[str, Any] | None:
        """What came of the round's latest joint session that took place; None where there was none."""
        held = self.case.sessions.filter(round=self.case.round, state=Session.State.HELD)
        row = held.select_related("venue__office", "chair", "recusal_by", "recusal_about").order_by("-held_at").first()
        return row.record_facts() if row else None

    @cached_property
    def police(self) -> PoliceTrack | None:
        """What the round's 治安调解 established (PSA 9), and what its agreement must contain."""
        return self.case.police_tracks.filter(round=self.case.round).order_by("-pk").first()

    @property
    def organisation(self) -> Office:
        """Who makes the paper out and whose numbers it takes: who mediated, before that the desk."""
        return self.agreement.organisation if self.agreement else self.case.desk

    @property
    def is_police(self) -> bool:
        return self.agreement is not None and self.agreement.track == Agreement.Track.POLICE

    @property
    def body(self) -> str:
        """The name under the paper: the committee, or the police where they mediated."""
        if self.is_police:
            return self.organisation.name
        if self.organisation.kind in (Office.Kind.VILLAGE, Office.Kind.CENTRE):
            return words.committee(self.organisation)
        return f"{self.case.village.short_name}人民调解委员会"

    def person(self, party: Party) -> dict[str, str]:
        """The particulars of one party; 民族 and 职业 are never stored, they are left for the pen."""
        secret: PartySecret | None = getattr(party, "secret", None)
        born = party.birth_on
        is_person = party.kind == Party.Kind.PERSON
        calls = {Party.Side.A: "申请人", Party.Side.B: "被申请人"}
        guardian = f"{party.guardian_name}（{party.guardian_relation or '监护人'}）" if party.guardian_name else ""
        agent = f"{party.agent_name}（{party.agent_scope or '权限见委托书'}）" if party.agent_name else ""
        return {
            "称谓": calls.get(Party.Side(party.side), "第三方"),
            "姓名": party.name,
            "性别": party.get_sex_display() if is_person and party.sex in ("1", "2") else PEN,
            "民族": PEN,
            "年龄": f"{born.year}年{born.month}月生" if born and is_person else f"年龄{PEN}",
            "职业": PEN,
            "电话": (secret.open("phone") if secret else "") or PEN,
            "住址": (secret.open("address") if secret else "") or PEN,
            "监护人": guardian,
            "代理人": agent,
        }

    def names(self) -> str:
        return "、".join(party.name for party in self.parties if party.side != Party.Side.THIRD)

    def common(self) -> Values:
        """The values of COMMON."""
        case, agreement = self.case, self.agreement
        people = [(party, self.person(party)) for party in self.parties]
        accepted = case.accepted_at or case.registered_at
        return {
            "编号": "",
            "案号": case.case_no,
            "单位": self.body,
            "卷名": f"{self.names()}{self.type_name}案",
            "纠纷类型": self.type_name,
            "来源": self.source_name,
            "简要情况": case.narrative,
            "当事人姓名": self.names(),
            "调解员": agreement.chair.name if agreement else case.handler.name if case.handler else PEN,
            "受理日期": words.day(timezone.localdate(accepted)),
            "协议日期": words.day(agreement.agreed_on) if agreement else "",
            "协议编号": "",
            "出具日期": words.day(self.today),
            "经办人": case.handler.name if case.handler else "",
            "当事人": [row for _party, row in people],
            "申请人": [row for party, row in people if party.side == Party.Side.A],
            "被申请人": [row for party, row in people if party.side == Party.Side.B],
        }

    def clauses(self) -> list[dict[str, str]]:
        """The obligations as numbered clauses: who does what, how much, by when."""
        return [
            {"序号": words.ordinal(number), "内容": clause(row)} for number, row in enumerate(self.obligations, start=1)
        ]

    def terms_missing(self) -> list[str]:
        """What a written agreement must say of each obligation and does not: who, what, by when (PMA 29, APR 184)."""
        if self.agreement is None or self.agreement.result != Agreement.Result.WRITTEN:
            return []
        if not self.obligations:
            return [_g("书面协议要写明履行内容：谁、做什么、什么时候")]
        missing = []
        for number, row in enumerate(self.obligations, start=1):
            gaps = [
                word
                for word, value in (
                    (_g("谁履行"), row.debtor_id and row.debtor.name),
                    (_g("做什么"), row.what.strip()),
                    (_g("什么时候"), row.due_on),
                )
                if not value
            ]
            if gaps:
                missing.append(_g("履行内容第 %(n)s 行缺：%(what)s") % {"n": number, "what": "、".join(gaps)})
        return missing


def clause(row: Obligation) -> str:
    """One obligation as a sentence of an agreement, its amount also in capital figures."""
    amount = f"，金额人民币{words.yuan(row.amount)}" if row.amount is not None else ""
    due = f"，于{words.day(row.due_on)}前履行" if row.due_on else ""
    return f"{row.debtor.name}：{row.what.rstrip('。；')}{amount}{due}。"


def agreement_of(case: Dispute) -> Agreement | None:
    """What the present round was settled with."""
    return (
        case.agreements.filter(round=case.round).select_related("organisation__area", "chair").order_by("-pk").first()
    )


# --- when a paper may be made out ------------------------------------------------------------------------------------
def mediated_by_people(case: Dispute, agreement: Agreement | None) -> str | None:
    """Papers of people's mediation: before a settlement, or after one that a people's mediator brought about."""
    if agreement is None:
        if case.status in (Status.REFERRED,):
            return _g("本案已引导其他途径，没有经人民调解，不出这份文书")
        return None
    if agreement.result == Agreement.Result.SELF:
        return _g("本案是自行和解，没有调解组织主持，不出调解文书。结案报告表可以出")
    if agreement.track == Agreement.Track.POLICE:
        return _g("本案由公安机关治安调解，不出人民调解文书。出治安调解协议书")
    return None


def needs_agreement(*, track: str, result: str = "", on_the_spot: bool | None = None) -> WhyNot:
    """A paper that follows from how the case was settled."""

    def why_not(case: Dispute, agreement: Agreement | None) -> str | None:
        if agreement is None:
            return _g("还没有达成协议。先办“化解”，再出这份文书")
        if track == Agreement.Track.PEOPLE and (sentence := mediated_by_people(case, agreement)):
            return sentence
        if track == Agreement.Track.POLICE and agreement.track != track:
            return _g("本案没有走治安调解，不出这份文书")
        if result and agreement.result != result:
            return _g("本案的结果是“%(result)s”，不出这份文书") % {"result": agreement.get_result_display()}
        if on_the_spot is not None and agreement.on_the_spot != on_the_spot:
            return (
                _g("本案不是当场化解，出治安调解协议书") if on_the_spot else _g("本案是当场化解，出现场治安调解协议书")
            )
        return None

    return why_not


def left_the_desk(case: Dispute, agreement: Agreement | None) -> str | None:
    if case.is_open:
        return _g("案件还没有办结，办结后再出结案报告表")
    return None


def only_in_the_dossier(case: Dispute, agreement: Agreement | None) -> str | None:
    """The index tells pages, which there are only once everything is bound."""
    return _g("卷内目录装订卷宗时自动排好，不单独出")


def is_mediated(case: Dispute, agreement: Agreement | None) -> str | None:
    """Either track: an inquiry, a dossier and its parts."""
    if agreement is not None and agreement.result == Agreement.Result.SELF:
        return mediated_by_people(case, agreement)
    return None


# --- what fills them in ----------------------------------------------------------------------------------------------
def _terms(source: Source) -> Values:
    agreement = source.agreement
    people = sum(party.side != Party.Side.THIRD for party in source.parties)
    return {
        "协议内容": agreement.text if agreement else "",
        "协议事项": source.clauses(),
        "份数": words.ordinal(people + 1),
        "机关名称": source.body,
        "主持人": agreement.chair.name if agreement else "",
    }


def _oral(source: Source) -> Values:
    lines = [source.agreement.text if source.agreement else "", *(row["内容"] for row in source.clauses())]
    amount = source.case.amount
    return {
        "协议内容": "\n".join(filter(None, lines)),
        "涉及金额": words.yuan(amount) if amount is not None else "无",
        "是否跨调委会": "否",
        "机关名称": source.body,
        "主持人": source.agreement.chair.name if source.agreement else "",
    }


def _closing(source: Source) -> Values:
    case, agreement = source.case, source.agreement
    done = {"1": "当场履行", "2": "已履行完毕", "3": "部分履行", "4": "未到期", "5": "逾期未履行", "6": "反悔或起诉"}
    rows = [f"{clause(row)}（{done.get(row.performance, '履行情况未登记')}）" for row in source.obligations]
    ended = case.closed_at or case.left_at
    return {
        "承办单位": case.desk.name,
        "承办人": case.handler.name if case.handler else PEN,
        "受案日期": words.day(timezone.localdate(case.accepted_at or case.registered_at)),
        "结案日期": words.day(timezone.localdate(ended)) if ended else "",
        "办理结果": str(agreement.get_result_display()) if agreement else str(case.get_status_display()),
        "协议及履行": "\n".join(filter(None, [agreement.text if agreement else "", *rows])) or "无",
    }


def _cover(source: Source) -> Values:
    """Until when was mediated: also where it came to nothing, or is not over."""
    case, agreement = source.case, source.agreement
    ended = agreement.agreed_on if agreement else timezone.localdate(case.left_at) if case.left_at else None
    return {"协议日期": words.day(ended) or PEN}


def _confirmation(source: Source) -> Values:
    agreement = source.agreement
    until = agreement.agreed_on + dt.timedelta(days=30) if agreement else None  # PMA 33
    clauses = source.clauses() or ([{"序号": "一", "内容": agreement.text}] if agreement and agreement.text else [])
    return {"协议事项": clauses, "申请期限": words.day(until)}


def attempts(source: Source) -> str:
    """The notes of kind 调解 of this round, oldest first, and what was said at the joint session."""
    rows = source.case.events.filter(kind="note", is_attempt=True, round=source.case.round).select_related("text")
    lines = []
    for event in rows.order_by("at", "pk"):
        text = getattr(event, "text", None)
        on = event.facts.get("happened_on") or timezone.localdate(event.at).isoformat()
        lines.append(f"{words.day(dt.date.fromisoformat(on))}：{text.body if text else ''}")
    if met := source.session:
        if met["rights_told_at"]:
            lines.append(f"主持人{met['chair']}宣读了权利义务，询问双方是否申请回避。")
        if asked := met["recusal"]:
            about = asked["about"] or "调解员"
            lines.append(f"{asked['by']}申请{about}回避，理由：{asked['reason']}。{asked['decision']}。")
        said = [row for row in met["parties"] if row["attended"] and row["statement"]]
        lines += [f"{Party.Side(row['side']).label} {row['name']}：{row['statement']}" for row in said]
        for label, key in (("说到一起的", "points_agreed"), ("还没谈拢的", "points_open")):
            if met[key]:
                lines.append(f"{label}：{met[key]}")
    return "\n".join(lines)


def _when(source: Source) -> str:
    """When it was mediated: the hours of the joint session, or else the day of the agreement."""
    met = source.session
    if met is None:
        return words.day(source.agreement.agreed_on) if source.agreement else ""
    began, ended = (timezone.localtime(at) if at else None for at in (met["held_at"], met["ended_at"]))
    hours = "至".join(f"{at:%H:%M}" for at in (began, ended) if at)
    return f"{words.day(began.date())}{hours}" if began else ""


def _where(source: Source) -> str:
    return source.session["place"] if source.session else source.case.place


def _present(source: Source) -> str:
    """Who came besides the parties, with what they are."""
    came = [row for row in source.session["participants"] if row["attended"]] if source.session else []
    return "、".join(f"{row['name']}（{row['capacity']}）" for row in came)


def _result_of_session(source: Source) -> str:
    agreement, met = source.agreement, source.session
    if agreement is None:
        return f"{met['outcome_label']}。" if met else ""
    return "\n".join(filter(None, [f"达成协议（{agreement.get_result_display()}）。", agreement.text]))


def _happened(source: Source) -> str:
    """The contents of a 治安调解协议书 (公安机关办理行政案件程序规定 184), as far as they were written down."""
    row = source.police
    if row is None:
        return source.case.narrative
    parts = (
        ("时间", row.happened_when), ("地点", row.happened_where), ("涉及人员和在场人员", row.people_there),
        ("起因", row.cause), ("经过", row.course), ("情节", row.circumstances), ("结果", row.consequence),
    )  # fmt: skip
    return "\n".join(f"{label}：{text}" for label, text in parts if text) or row.established or source.case.narrative


def _recording(source: Source) -> str:
    """The number of the recording, of the settlement or else of the session."""
    if source.police and source.police.recording:
        return source.police.recording
    held = source.case.police_sessions.filter(round=source.case.round).exclude(recording="").order_by("-pk").first()
    return held.recording if held else ""


FACTS = Ask("facts", _("主要事实、争议事项"), "主要事实", lines=True, initial=lambda s: s.case.narrative)
PLACE = Ask("place", _("调解地点"), "调解地点", initial=lambda s: s.case.place)
HOW_HELP = _("如：现金当面付清，在村委会交接。协议要写明履行的方式和期限")
HOW = Ask("how", _("履行方式、地点"), "履行方式", lines=True, help=HOW_HELP)
PRESENT_HELP = _("见证人、邀请的人，没有的写“无”")
PRESENT = Ask("present", _("参加人"), "参加人", optional=True, help=PRESENT_HELP)
NOTE = Ask("remark", _("备注"), "备注", optional=True)
CLAUSES = {"协议事项": ("序号", "内容"), "协议内容": (), "份数": (), "机关名称": (), "主持人": ()}
people_only = mediated_by_people
CIVIL, POLICE = Agreement.Track.PEOPLE, Agreement.Track.POLICE

# fmt: off
_KINDS: dict[str, Kind] = {kind.key: kind for kind in (
    Kind("application", _("申请书"), 1, people_only, asks=(
        Ask("demands", _("申请事项"), "申请事项", lines=True, initial=lambda s: s.case.demands),
    )),
    Kind("acceptance", _("受理登记表"), 1, people_only, asks=(NOTE,)),
    Kind("rights_notice", _("权利义务告知书"), 2, people_only),
    Kind("inquiry", _("调查记录"), 5, is_mediated, asks=(
        Ask("when", _("调查时间"), "调查时间", help=_("如 2026年3月5日9时至10时")),
        Ask("place", _("调查地点"), "调查地点", initial=lambda s: s.case.place),
        Ask("asked", _("被调查人"), "被调查人", initial=lambda s: s.names()),
        PRESENT,
        Ask("answers", _("记录"), "问答记录", lines=True, help=_("一问一答，每句一行：问：… 答：…")),
    )),
    Kind("session", _("调解记录"), 7, people_only, asks=(
        Ask("when", _("调解时间"), "调解时间", initial=_when),
        Ask("place", _("调解地点"), "调解地点", initial=_where),
        Ask("present", _("参加人"), "参加人", optional=True, help=PRESENT_HELP, initial=_present),
        Ask("record", _("调解记录"), "调解记录", lines=True, initial=attempts),
        Ask("law", _("法治宣传"), "法治宣传", lines=True, help=_("讲了哪些法律、政策"),
            initial=lambda s: s.session["education"] if s.session else ""),
        Ask("result", _("调解结果"), "调解结果", lines=True, initial=_result_of_session),
    )),
    Kind("agreement", _("调解协议书"), 8, needs_agreement(track=CIVIL, result=Agreement.Result.WRITTEN),
         series="人调字", written=True, asks=(FACTS, HOW), extra=CLAUSES, gather=_terms),
    Kind("oral", _("口头协议登记表"), 8, needs_agreement(track=CIVIL, result=Agreement.Result.ORAL), series="人口调字",
         asks=(PLACE, FACTS, HOW), extra={"协议内容": (), "涉及金额": (), "是否跨调委会": ()}, gather=_oral),
    Kind("police_agreement", _("治安调解协议书"), 8,
         needs_agreement(track=POLICE, on_the_spot=False), series="治调字",
         written=True, extra=CLAUSES, gather=_terms,
         asks=(PLACE, PRESENT, replace(FACTS, initial=_happened),
               replace(HOW, initial=lambda s: s.police.perform_way if s.police else ""))),
    Kind("on_the_spot", _("现场治安调解协议书"), 8, needs_agreement(track=POLICE, on_the_spot=True), series="现治调字",
         asks=(PLACE, replace(FACTS, initial=_happened),
               Ask("recording", _("录音录像编号"), "录音录像编号", help=_("全程录音录像的编号"), initial=_recording),
               Ask("done", _("协议内容及当场履行情况"), "当场履行", lines=True,
                   initial=lambda s: _oral(s)["协议内容"])),
         extra={"协议内容": (), "机关名称": (), "主持人": ()}, gather=_oral),
    Kind("confirmation", _("司法确认申请书"), 11, needs_agreement(track=CIVIL),
         asks=(FACTS, Ask("court", _("受理法院"), "受理法院", initial=lambda s: f"{s.case.county.name}人民法院")),
         extra={"协议事项": ("序号", "内容"), "申请期限": ()}, gather=_confirmation),
    Kind("closing", _("结案报告表"), 12, left_the_desk, extra={
        "承办单位": (), "承办人": (), "受案日期": (), "结案日期": (), "办理结果": (), "协议及履行": (),
    }, gather=_closing),
    Kind("description", _("卷宗情况说明"), 12, is_mediated, asks=(
        Ask("situation", _("情况说明"), "情况说明", lines=True, help=_("卷内缺什么、为什么，原件在哪里")),
    )),
    Kind("cover", _("卷宗封面"), COVER, is_mediated, series="人调字", with_year=False, asks=(
        Ask("filed_by", _("立卷人"), "立卷人", initial=lambda s: s.by.name),
        Ask("kept", _("保管期限"), "保管期限", help=_("短期、长期或永久"), initial=lambda s: "长期"),
        NOTE,
    ), gather=_cover),
    Kind("index", _("卷内目录"), INDEX, only_in_the_dossier, extra={"目录": ("序号", "文书名称", "页号", "备注")}),
    Kind("back_cover", _("封底"), 13, is_mediated, asks=(
        Ask("pages", _("本卷页数"), "页数", optional=True, help=_("装订好后手填也行")),
    )),
)}
# fmt: on


def add(kind: Kind) -> None:
    """Let an upper room offer a paper of its own; registered once, in its AppConfig.ready()."""
    _KINDS[kind.key] = kind


def kinds() -> dict[str, Kind]:
    """Every kind by key, in the order of the dossier."""
    return dict(sorted(_KINDS.items(), key=lambda item: item[1].row))
