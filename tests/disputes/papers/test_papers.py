"""Papers: each kind to DOCX and PDF, what blocks one, numbers, and that an issued one never changes."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import os
import re
import shutil
import subprocess
import uuid
from decimal import Decimal
from pathlib import Path

import pytest
from docx import Document
from pypdf import PdfReader

from audit.keyring import SealBroken
from audit.models import AccessLog
from disputes.models import FactsMissing, MoveRefused, NotYours, Obligation
from disputes.papers import shipped, template, typeset
from disputes.papers.kinds import INDEX, kinds
from disputes.papers.models import DOCX, PDF, Paper, PaperTemplate, draw_up, initial, offered, read_case, why_not
from followups.visits import record_visit
from tests import factories, safe
from tests.factories import NOW

pytestmark = pytest.mark.django_db

PARTIES = [
    {**factories.PARTY_A, "address": "石门村一社2号", "birth_on": dt.date(1972, 4, 1)},
    {**factories.PARTY_B, "birth_on": dt.date(1977, 1, 2)},
]
ASKED = {
    "demands": "重新立桩，赔偿草料损失。",
    "when": "2026年3月2日9时",
    "place": "石门村委会",
    "asked": "马文林",
    "answers": "问：界桩在哪里？\n答：被水冲走了。",
    "record": "调解员讲明草原承包的规定，双方都愿意丈量。",
    "law": "草原法第十六条",
    "result": "达成书面协议。",
    "facts": "界桩被水冲走，对约12亩草场有争议。",
    "how": "现金当面付清，在石门村委会交接。",
    "court": "天祝藏族自治县人民法院",
    "recording": "A20260302-01",
    "done": "赔偿300元（大写：叁佰元整），已当场付清。",
    "situation": "身份证明为复印件，原件由当事人保管。",
    "filed_by": "才让卓玛",
    "kept": "长期",
}


@pytest.fixture
def w():
    return factories.world()


def written(w, **facts):
    """Settled in writing by the village's people's mediator, with an amount."""
    case = factories.mediating(w, parties=PARTIES, demands="重新立桩", place="石门村三社草场")
    a, b = case.principal_parties()
    due = NOW.date() + dt.timedelta(30)
    rows = [
        {"debtor": b, "what": "补偿马文林草场损失", "amount": Decimal("1800"), "due_on": due},
        {"debtor": a, "what": "重新立界桩6根", "amount": None, "due_on": due},
    ]
    given = {"organisation": w.committee, "chair": w.village_mediator, "obligations": rows} | facts
    case.perform("settle", by=w.assistant, at=NOW, **factories.settlement(w, case, **given))
    return case


def by_police(w, *, on_the_spot):
    case = safe.at_room_mediating(w, parties=PARTIES)
    if on_the_spot:
        case.act("police", by=w.officer, at=NOW, **safe.WIZARD | {"plain": True})
        case.act("police_session", by=w.officer, at=NOW, **safe.session(NOW.date()))
    else:
        safe.on_police_track(w, case)
    given = {"organisation": w.room, "chair": w.officer, "track": "police", "on_the_spot": on_the_spot}
    if on_the_spot:
        paid = {
            "debtor": case.principal_parties()[1],
            "what": "赔偿200元",
            "amount": Decimal(200),
            "due_on": NOW.date(),
        }
        given |= {"recording": "LX-8", "obligations": [paid]}
    case.perform("settle", by=w.officer, at=NOW, **factories.settlement(w, case, **given))
    return case


def situation(w, key):
    """A case in which the paper `key` may be made out, and who makes it out."""
    if key in ("police_agreement", "on_the_spot"):
        return by_police(w, on_the_spot=key == "on_the_spot"), w.officer
    if key == "oral":
        return written(w, result="oral", obligations=[]), w.assistant
    case = written(w)
    if key == "return_visit":
        heard = {"reached": True, "satisfaction": "yes", "mind": "calm"}
        parties = {p.pk: heard for p in case.principal_parties()}
        facts = {"visited_on": NOW.date(), "way": "home", "performance": "4", "parties": parties}
        record_visit(case=case, by=w.assistant, at=NOW, facts=facts)
    return case, w.assistant


def issue(case, key, by, *, at=NOW, **changed):
    asked = {**ASKED, **changed}
    return Paper.objects.issue(case, kinds()[key], by=by, at=at, asked=asked)


def draft(case, key, by, **changed):
    kind = kinds()[key]
    source = read_case(case, kind, by=by, at=NOW)
    return draw_up(kind, source, {**ASKED, **changed}, used=PaperTemplate.objects.current(key))


def text_of(pdf: bytes, tmp_path: Path) -> str:
    """What pdftotext reads, without blanks and line breaks."""
    file = tmp_path / "paper.pdf"
    file.write_bytes(pdf)
    done = subprocess.run(["pdftotext", "-layout", str(file), "-"], capture_output=True, check=True)
    return "".join(done.stdout.decode().split())


def office_or_skip() -> str:
    found = shutil.which("soffice")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("soffice is missing: apt-get install libreoffice-writer-nogui")
        pytest.skip("NOT CHECKED: no soffice, so nobody opened the DOCX; apt-get install libreoffice-writer-nogui")
    return found


ISSUED = [key for key, kind in kinds().items() if kind.row != INDEX]


@pytest.mark.parametrize("key", ISSUED)
def test_every_paper_says_the_same_in_docx_and_pdf(w, key, tmp_path) -> None:
    case, by = situation(w, key)
    row = issue(case, key, by)
    docx, pdf = row.read(DOCX, by=by, at=NOW), row.read(PDF, by=by, at=NOW)
    assert hashlib.sha256(docx).hexdigest() == row.docx_sha256
    said = typeset.words_of(typeset.blocks_of(Document(io.BytesIO(docx))))
    read = text_of(pdf, tmp_path)
    # cells of a row stand beside one another in the PDF, so lines come in another order; no character is lost or added
    assert sorted("".join(said.split())) == sorted(re.sub("—[0-9]+—", "", read))
    assert "{{" not in said and "{%" not in said
    assert row.pages == len(PdfReader(io.BytesIO(pdf)).pages)
    assert case.case_no in row.file_name(PDF) and "马" not in row.file_name(PDF)


def test_libreoffice_opens_every_docx(w, tmp_path) -> None:
    office = office_or_skip()
    files = []
    for key in ISSUED:
        case, by = situation(w, key)
        file = tmp_path / f"{key}.docx"
        file.write_bytes(issue(case, key, by).read(DOCX, by=by, at=NOW))
        files.append(file)
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    subprocess.run(
        [office, profile, "--headless", "--convert-to", "txt:Text (encoded):UTF8", "--outdir", str(tmp_path), *files],
        check=True, capture_output=True, timeout=240,
    )  # fmt: skip
    for file in files:
        opened = "".join(file.with_suffix(".txt").read_text(encoding="utf-8-sig").split())
        said = typeset.words_of(typeset.blocks_of(Document(io.BytesIO(file.read_bytes()))))
        assert [line for line in said.split("\n") if "".join(line.split()) not in opened] == []


def test_an_agreement_says_who_what_how_much_and_by_when(w, tmp_path) -> None:
    case = written(w)
    read = text_of(issue(case, "agreement", w.assistant).read(PDF, by=w.assistant, at=NOW), tmp_path)
    assert "（石门）人调字〔2026〕第001号" in read
    assert "王世昌：补偿马文林草场损失，金额人民币1800元（大写：壹仟捌佰元整），于2026年4月1日前履行。" in read
    assert "民族________" in read and "职业或职务________" in read
    assert "石门村人民调解委员会（印章）" in read
    assert "一式三份" in read
    assert "不收取任何费用" in read


def test_the_notice_names_the_other_ways_and_has_its_slip(w, tmp_path) -> None:
    case = factories.mediating(w, parties=PARTIES)
    read = text_of(issue(case, "rights_notice", w.assistant).read(PDF, by=w.assistant, at=NOW), tmp_path)
    for words in ("不收取任何费用", "向人民法院起诉", "仲裁", "行政机关", "对调解员的意见"):
        assert words in read


def test_the_docx_names_the_official_fonts() -> None:
    document = Document(io.BytesIO(shipped.docx_of("agreement")))
    xml = document.styles.element.xml
    assert "方正小标宋简体" in xml and "仿宋_GB2312" in xml and "黑体" in xml


# --- what blocks -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("key", ISSUED)
def test_every_unfilled_field_is_named(w, key) -> None:
    """Each thing that is asked, taken away alone, blocks the issue and is named; nothing else is."""
    case, by = situation(w, key)
    assert draft(case, key, by).problems == []
    for ask in kinds()[key].asks:
        found = draft(case, key, by, **{ask.key: ""}).problems
        assert found == ([] if ask.optional else [f"缺：{ask.label}。补上后再出"])
        if found:
            with pytest.raises(FactsMissing) as refused:
                issue(case, key, by, **{ask.key: ""})
            assert str(ask.label) in refused.value.errors["problems"]
    assert not Paper.objects.exists()


def test_an_agreement_without_a_term_is_blocked(w) -> None:
    case = written(w)
    row = Obligation.objects.first()
    Obligation.objects.filter(pk=row.pk).update(what=" ")
    assert draft(case, "agreement", w.assistant).problems == ["履行内容第 1 行缺：做什么"]
    Obligation.objects.all().delete()
    with pytest.raises(FactsMissing) as refused:
        issue(case, "agreement", w.assistant)
    assert "书面协议要写明履行内容：谁、做什么、什么时候" in refused.value.errors["problems"]


@pytest.mark.parametrize("character", "堃喆䶮𠮷")
def test_rare_characters_print(w, character, tmp_path) -> None:
    case = factories.mediating(w, parties=[{**PARTIES[0], "name": f"马{character}"}, PARTIES[1]])
    read = text_of(issue(case, "acceptance", w.assistant).read(PDF, by=w.assistant, at=NOW), tmp_path)
    assert f"马{character}" in read


def test_a_character_that_no_font_has_is_named_with_its_place(w) -> None:
    case = factories.mediating(w, parties=[{**PARTIES[0], "name": "马\U0002ceaf"}, PARTIES[1]])
    found = draft(case, "acceptance", w.assistant).problems
    assert any("“\U0002ceaf”（U+2CEAF）" in sentence and "当事人.姓名" in sentence for sentence in found)
    with pytest.raises(FactsMissing):
        issue(case, "acceptance", w.assistant)


def test_who_mediated_decides_which_papers_there_are(w) -> None:
    def allowed(case, by) -> set[str]:
        return {kind.key for kind, why in offered(case, by) if why is None}

    people = {"application", "acceptance", "rights_notice", "session"}
    shared = {"inquiry", "description", "cover", "back_cover"}
    assert allowed(factories.mediating(w), w.assistant) == people | shared
    assert allowed(written(w), w.assistant) == people | shared | {"agreement", "confirmation", "closing"}
    oral = written(w, result="oral", obligations=[])
    assert allowed(oral, w.assistant) == people | shared | {"oral", "confirmation", "closing"}
    assert allowed(by_police(w, on_the_spot=False), w.officer) == shared | {"police_agreement", "closing"}
    assert allowed(by_police(w, on_the_spot=True), w.officer) == shared | {"on_the_spot", "closing"}
    alone = factories.mediating(w)
    facts = factories.settlement(w, alone, result="self", chair=w.assistant, organisation=w.committee, obligations=[])
    alone.perform("settle", by=w.assistant, at=NOW, **facts)
    assert allowed(alone, w.assistant) == {"closing"}
    assert "自行和解" in why_not(alone, kinds()["agreement"], w.assistant)


def test_only_the_desk_that_handles_the_case_makes_papers(w) -> None:
    case = factories.mediating(w)
    kind = kinds()["acceptance"]
    assert "石门村委会" in why_not(case, kind, w.officer)
    with pytest.raises(NotYours):
        why_not(case, kind, w.supervisor)
    with pytest.raises(MoveRefused):
        issue(case, "acceptance", w.officer)


def test_a_family_case_is_written_by_its_handler_alone(w) -> None:
    case = factories.mediating(w, type_l1="01", type_l2="0101")
    other = factories.user("other", "张志强", (w.committee, "assistant"))
    assert why_not(case, kinds()["acceptance"], w.assistant) is None
    assert "只有经办人能看" in why_not(case, kinds()["acceptance"], other)
    row = issue(case, "acceptance", w.assistant)
    with pytest.raises(MoveRefused):
        row.read(PDF, by=other, at=NOW)


# --- issued papers ---------------------------------------------------------------------------------------------------
def test_an_issued_paper_never_changes(w) -> None:
    case = written(w)
    row = issue(case, "agreement", w.assistant)
    first = row.read(PDF, by=w.assistant, at=NOW)
    party = case.parties.first()
    case.edit(by=w.assistant, at=NOW, version=case.version, parties=[{"pk": party.pk, "name": "改了名"}])
    assert Paper.objects.get(pk=row.pk).read(PDF, by=w.assistant, at=NOW) == first
    row.refresh_from_db()
    assert (row.template.version, row.by, row.at, row.layout_sha256) == (1, w.assistant, NOW, typeset.layout_hash())
    log = AccessLog.objects.filter(action="print", subject=case.case_no, detail__paper=row.pk)
    assert [(entry.actor_id, entry.detail["form"]) for entry in log] == [(w.assistant.pk, "pdf")] * 2
    assert case.events.filter(kind="paper").get().facts["sha256"] == row.pdf_sha256


def test_an_altered_file_is_refused(w) -> None:
    row = issue(written(w), "agreement", w.assistant)
    path = row.path_of(PDF)
    sealed = path.read_bytes()
    path.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    with pytest.raises(SealBroken):
        row.read(PDF, by=w.assistant, at=NOW)


def test_numbers_run_per_organisation_kind_and_year_and_a_refusal_takes_none(w) -> None:
    case = written(w)
    assert issue(case, "agreement", w.assistant).number == "（石门）人调字〔2026〕第001号"
    with pytest.raises(FactsMissing):
        issue(case, "agreement", w.assistant, how="")
    assert issue(case, "agreement", w.assistant).number == "（石门）人调字〔2026〕第002号"
    assert issue(case, "cover", w.assistant).number == "（石门）人调字第001号"
    later = NOW + dt.timedelta(days=365)
    assert issue(case, "agreement", w.assistant, at=later).number == "（石门）人调字〔2027〕第001号"


def test_a_double_submit_is_one_paper(w) -> None:
    case, key = written(w), uuid.uuid4()
    made = [
        Paper.objects.issue(case, kinds()["agreement"], by=w.assistant, at=NOW, asked=ASKED, submission=key)
        for _n in range(2)
    ]
    assert made[0] == made[1]
    assert Paper.objects.count() == 1


def test_a_failing_event_leaves_no_paper_no_number_and_no_file(w, monkeypatch, settings, tmp_path) -> None:
    settings.VAR_DIR = tmp_path
    case = written(w)
    monkeypatch.setattr("disputes.models.Event.compute_hash", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        issue(case, "agreement", w.assistant)
    monkeypatch.undo()
    settings.VAR_DIR = tmp_path
    assert list(tmp_path.rglob("*.sealed")) == []
    assert issue(case, "agreement", w.assistant).serial == 1


def test_a_voided_number_stays_with_its_reason(w) -> None:
    case = written(w)
    row = issue(case, "agreement", w.assistant)
    with pytest.raises(FactsMissing):
        row.void(by=w.assistant, at=NOW, reason=" ")
    row.void(by=w.assistant, at=NOW, reason="金额写错")
    assert (row.void_reason, row.voided_by) == ("金额写错", w.assistant)
    assert case.events.filter(kind="paper_void").get().text.body == "金额写错"
    with pytest.raises(MoveRefused):
        row.void(by=w.assistant, at=NOW, reason="再作废")
    assert issue(case, "agreement", w.assistant).serial == 2
    assert row.read(PDF, by=w.assistant, at=NOW)


def test_a_draft_bears_the_mark_and_takes_no_number(w, tmp_path) -> None:
    case = written(w)
    found = draft(case, "agreement", w.assistant)
    assert "稿草" in text_of(found.pdf(draft=True), tmp_path)  # it stands aslant across the page
    assert "稿草" not in text_of(found.pdf(draft=False), tmp_path)
    assert issue(case, "agreement", w.assistant).serial == 1


def test_what_the_case_knows_is_filled_in(w) -> None:
    case = factories.mediating(w, parties=PARTIES)
    factories.attempt(case, w.assistant)
    source = read_case(case, kinds()["session"], by=w.assistant, at=NOW)
    assert initial(kinds()["session"], source)["record"] == "2026年3月2日：到两户家中调解，未达成一致。"


def test_the_record_of_a_joint_session_is_what_its_paper_says(w) -> None:
    case = factories.mediating(w, parties=PARTIES)
    row = factories.session(w, case, starts_at=NOW, invited=[{"name": "老马", "capacity": "cadre"}])
    said = {"attended": True, "consent": "agreed", "statement": "界桩按原样立"}
    facts = {
        "outcome": "continue",
        "held_at": NOW,
        "rights_told_at": NOW,
        "people": {attendee.pk: said for attendee in row.listed()},
        "education": "草原法第十六条",
        "points_agreed": "秋后丈量",
        "points_open": "牛羊的赔偿",
        "next_on": NOW.date() + dt.timedelta(days=7),
    }
    row.record(by=w.assistant, at=NOW + dt.timedelta(hours=2), version=1, facts=facts)
    paper = initial(kinds()["session"], read_case(case, kinds()["session"], by=w.assistant, at=NOW))
    assert (paper["place"], paper["present"], paper["law"]) == ("渠口", "老马（村组干部）", "草原法第十六条")
    assert paper["when"].startswith("2026年3月2日") and paper["result"] == "下次接着谈。"
    first = case.principal_parties()[0]
    for words in (
        "宣读了权利义务",
        f"甲方 {first.name}：界桩按原样立",
        "说到一起的：秋后丈量",
        "还没谈拢的：牛羊的赔偿",
    ):
        assert words in paper["record"]


def test_what_the_police_established_stands_in_their_papers(w) -> None:
    written_one, on_the_spot = (by_police(w, on_the_spot=spot) for spot in (False, True))
    kind = kinds()["police_agreement"]
    told = initial(kind, read_case(written_one, kind, by=w.officer, at=NOW))
    assert "起因：轮水先后" in told["facts"] and "情节：徒手，情节较轻" in told["facts"]
    assert told["how"] == safe.TERMS["perform_way"]
    kind = kinds()["on_the_spot"]
    told = initial(kind, read_case(on_the_spot, kind, by=w.officer, at=NOW))
    assert (told["facts"], told["recording"]) == (safe.WIZARD["established"], "LX-8")


def test_the_shipped_templates_are_valid_and_the_same_on_every_run() -> None:
    for key, kind in kinds().items():
        content = shipped.docx_of(key)
        template.check(content, kind.fields)
        shipped.docx_of.cache_clear()
        assert shipped.docx_of(key) == content
