"""Layouts: one head, one set of cells on the screen, on paper and in both files, whatever was picked; and who changes
what a county picked."""

import csv
import datetime as dt
import io
import random
import re
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from audit.models import AccessLog
from ledgers.columns import ALL, COLUMNS, NEVER, named
from ledgers.layouts.models import LedgerProfile, Picked, SavedLedger, Stale, problems
from ledgers.month import Ledger, Month
from ledgers.profiles import DEFAULT, SHIPPED, BadProfile, HeadCell, Profile, head_of, profile, profiles_for
from tests import factories as f
from tests.ledgers.test_files import body, fetch, screen_texts, without_mark, xlsx_texts
from villages.changes import Refused

MARCH = Month(2026, 3)
URL = "/manage/ledger-columns/"
EVERYTHING = [Picked(key) for key in ALL]


def csv_rows(content: bytes, columns) -> list[list[str]]:
    """The lines of a CSV as texts of the screen: amounts with their thousands, quotes of live cells taken off."""
    rows = [*csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))]
    shown = []
    for row in rows:
        cells = [cell.removeprefix("'") for cell in row]
        for at, column in enumerate(columns):
            if re.fullmatch(r"-?[0-9.]+", cells[at]) and column.kind in ("money", "int"):
                cells[at] = f"{Decimal(cells[at]):,.2f}".removesuffix(".00")
        shown.append(cells)
    return shown


def some_cases(w, seed: int) -> int:
    """A few cases of March in any state: settled, open, a relapse, a family's, one with progress; how many rows."""
    dice = random.Random(seed)
    words = ["=1+1", "草场<b>界线</b>", "第一行\n第二行", "-2", "马文林与王世昌争执", "12.50", "2026-03-01"]
    for _ in range(dice.randint(1, 4)):
        facts = {
            "narrative": dice.choice(words),
            "people_count": dice.choice([None, 0, 2, 1200]),
            "amount": dice.choice([None, Decimal("0"), Decimal("1234567.89"), Decimal("300")]),
            "place": dice.choice(["", "马文林家门口"]),
        }
        case = dice.choice([f.register, f.mediating, f.settled])(w, **facts)
        if dice.random() < 0.5:
            case.add_note(by=w.assistant, at=f.NOW, text=dice.choice(words), way=dice.choice(["", "visit", "phone"]))
    if dice.random() < 0.5:
        f.register(w, type_l1="01", type_l2="0101", narrative="马文林与王世昌为彩礼争吵。")
    ledger = Ledger(w.officer, MARCH)
    return ledger.count


# --- one definition ---------------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 10**6), picked=st.lists(st.sampled_from(sorted(ALL)), min_size=1, max_size=9, unique=True))
@hypothesis_settings(max_examples=3)
@pytest.mark.django_db
def test_every_layout_has_the_same_cells_on_the_screen_on_paper_and_in_both_files(seed, picked):
    with transaction.atomic():
        w, client = f.world(), Client()
        count = some_cases(w, seed)
        own = LedgerProfile.objects.make(by=w.sysadmin, at=f.NOW, name="本县", picked=[Picked(key) for key in picked])
        user = w.supervisor if seed % 2 else w.officer
        for one in profiles_for(user):
            xlsx = without_mark(xlsx_texts(body(fetch(client, user, profile=one.key))))[-count - 1 :]
            lines = csv_rows(body(fetch(client, user, profile=one.key, format="csv")), one.columns)
            lines = without_mark(lines)[-count - 1 :]
            asked = {"month": "2026-03", "profile": one.key}
            screen, paper = (
                screen_texts(client.get("/ledger/", asked | more).content.decode()) for more in ({}, {"print": "1"})
            )
            assert screen[0] == [str(column.label) for column in one.columns]
            assert len(screen) == count + 2 and screen == paper, one.key
            assert screen[1:] == xlsx == lines, one.key
        assert own.key in {one.key for one in profiles_for(w.officer)}
        transaction.set_rollback(True)


def test_a_masked_viewer_reads_no_name_in_any_layout(client, w):
    f.settled(w, narrative="马文林与王世昌争执", place="马文林家")
    LedgerProfile.objects.make(by=w.sysadmin, at=f.NOW, name="全部", picked=EVERYTHING)
    client.force_login(w.supervisor)
    for one in profiles_for(w.supervisor):
        text = client.get("/ledger/", {"month": "2026-03", "profile": one.key}).content.decode()
        assert "马文林" not in text and "王世昌" not in text, one.key
    client.force_login(w.officer)
    shown = [client.get("/ledger/", {"month": "2026-03", "profile": key}).content.decode() for key in SHIPPED]
    assert all("马文林" in text for text in shown)


def test_the_layouts_are_those_of_the_published_ledgers():
    labels = {key: "|".join(str(column.label) for column in one.columns) for key, one in SHIPPED.items()}
    assert list(labels) == "default county village street police_room facts".split()
    assert labels["county"] == ("序号|单位|矛盾纠纷简要情况|责任单位/责任人|化解时限|化解情况|交办督办情况|销号情况")
    assert labels["street"] == (
        "序号|纠纷类别|受理时间|调解人员|有无调解协议|当事人概况|纠纷概况|调处结果|跟踪反馈情况"
    )
    assert labels["police_room"] == "派出所|警务室|调处时间|地点|调处人|内容|结果|照片|民警"
    assert [column.key for column in SHIPPED["facts"].columns] == (
        "case_no found_on source township village type_l1 type_l2 side_a phone_a side_b phone_b people amount "
        "narrative danger office handler accepted_on due_on tier status round result left_on closed_on progress "
        "satisfaction_a satisfaction_b remark"
    ).split()
    for one in SHIPPED.values():
        names = [str(column.label) for column in one.columns]
        assert len(set(names)) == len(names) and not any(NEVER.search(name) for name in names)
        assert not problems([Picked(c.key, str(c.label), str(c.group)) for c in one.columns])


def test_facts_say_each_thing_by_itself(w):
    case = f.settled(w, people_count=3, amount=Decimal("12000.50"))
    ledger = Ledger(w.officer, MARCH, columns=SHIPPED["facts"].columns)
    row = next(ledger.rows(ledger.all_ids()))
    told = {column.key: column.value(row) for column in ledger.columns}
    case.refresh_from_db()
    assert told["case_no"] == case.case_no and told["amount"] == Decimal("12000.50") and told["people"] == 3
    assert told["status"] == "已化解，回访中" and told["tier"] == "村级调解" and told["round"] == 1
    assert told["left_on"] == dt.date(2026, 3, 2) and told["closed_on"] is None
    assert told["type_l1"] == ledger.words.types[case.type_l1] and told["result"].startswith("调解成功")
    assert told["accepted_on"] == dt.date(2026, 3, 2)
    earlier = Ledger(w.officer, Month(2026, 2), columns=SHIPPED["facts"].columns)
    assert earlier.count == 0


def test_what_no_column_shows_is_not_read(w, django_assert_num_queries):
    f.settled(w)
    plain = Ledger(w.officer, MARCH, columns=tuple(named(key) for key in ("no", "case_no", "narrative")))
    ids = plain.all_ids()
    assert plain.words
    with django_assert_num_queries(1):
        list(plain.rows(ids))
    assert {column.needs for column in COLUMNS} == {"", "phones", "progress", "visits", "counselled"}


def test_the_unmasked_kind_opens_phones_on_the_own_desk_only(w):
    f.settled(w)
    f.register(w, type_l1="01", type_l2="0101")  # a family's: nobody handles it yet
    f.register(w, village=w.sister_village, by=w.sister_assistant)

    def phones(user, unmasked):
        ledger = Ledger(user, MARCH, unmasked=unmasked)
        return sorted(row["phone_a"] for row in ledger.rows(ledger.all_ids()))

    assert phones(w.assistant, unmasked=False) == ["138****6021", "138****6021"]
    assert phones(w.assistant, unmasked=True) == ["138****6021", "13812346021"]
    assert phones(w.supervisor, unmasked=True) == phones(w.officer, unmasked=True) == []


# --- heads ------------------------------------------------------------------------------------------------------------


def test_neighbours_under_one_name_are_merged_and_the_others_reach_over_both_rows():
    columns = (named("no"), named("side_a", "甲", "当事人"), named("side_b", "乙", "当事人"), named("remark"))
    assert head_of(columns) == [
        [HeadCell("序号", rowspan=2), HeadCell("当事人", colspan=2), HeadCell("备注", rowspan=2)],
        [HeadCell("甲"), HeadCell("乙")],
    ]
    assert head_of((named("no"), named("remark"))) == [[HeadCell("序号"), HeadCell("备注")]]


@given(st.lists(st.tuples(st.sampled_from(sorted(ALL)), st.sampled_from(["", "甲", "乙"])), min_size=1, max_size=12))
def test_a_head_covers_every_column_once_in_both_rows(picked):
    head = head_of(tuple(named(key, "", group) for key, group in picked))
    upper = sum(cell.colspan for cell in head[0])
    assert upper == len(picked)
    if len(head) == 2:
        below = sum(cell.colspan for cell in head[0] if cell.rowspan == 1)
        assert len(head[1]) == below


@pytest.mark.parametrize(
    ("keys", "frozen"),
    [("no case_no", 2), ("no narrative", 1), ("case_no no", 1), ("station room", 1), ("no", 1)],
)
def test_what_stands_still(keys, frozen):
    assert Profile("x", "x", tuple(map(named, keys.split()))).frozen == frozen
    assert Profile("x", "x", (named("no", "", "上"), named("case_no"))).frozen == 0


def test_the_page_shows_a_two_row_head_and_still_columns(client, w):
    f.register(w)
    client.force_login(w.officer)
    text = client.get("/ledger/", {"month": "2026-03"}).content.decode()
    assert '<th scope="colgroup" colspan="4">当事人</th>' in text
    assert re.search(r'<th scope="col" rowspan="2" class="f1">序号</th>', text)
    assert '<td class="f1 num">1</td>' in text and text.count("<tfoot>") == 1
    plain = client.get("/ledger/", {"month": "2026-03", "profile": "police_room"}).content.decode()
    assert "rowspan" not in plain and '<th scope="col" class="f0">派出所</th>' in plain
    assert f'<a href="/disputes/{f.Dispute.objects.get().case_no}/"' in plain  # without a number in it, too


# --- choosing ---------------------------------------------------------------------------------------------------------


def test_an_unknown_layout_gets_a_sentence_on_page_file_and_api(client, w):
    own = LedgerProfile.objects.make(by=w.sysadmin, at=f.NOW, name="本县", picked=EVERYTHING[:3])
    LedgerProfile.objects.filter(pk=own.pk).update(county="620622")
    client.force_login(w.officer)
    for key in ("x", own.key, "own-999", "default ", "村"):
        answer = client.get("/ledger/", {"profile": key})
        assert answer.status_code == 422 and "没有这种台账格式" in answer.content.decode()
        with pytest.raises(BadProfile):
            profile(w.officer, key)
        if key != "default ":  # the API takes blanks off
            assert client.get("/api/v1/ledger/", {"profile": key}).status_code == 400
    assert client.get("/ledger/", {"profile": ""}).status_code == 200
    assert profile(w.officer, "default") is DEFAULT


def test_the_api_gives_the_cells_of_the_layout(client, w):
    f.settled(w)
    client.force_login(w.officer)
    answer = client.get("/api/v1/ledger/", {"month": "2026-03", "profile": "street"}).json()
    assert answer["profile"] == "street"
    assert [column["label"] for column in answer["columns"]][:3] == ["序号", "纠纷类别", "受理时间"]
    assert list(answer["rows"][0]) == [column.key for column in SHIPPED["street"].columns]
    assert answer["rows"][0]["accepted_on"] == "2026-03-02"


def test_the_layout_stays_chosen_from_month_to_month_and_in_the_log(client, w):
    f.register(w)
    client.force_login(w.officer)
    text = client.get("/ledger/", {"month": "2026-03", "profile": "village", "print": "1"}).content.decode()
    assert "?month=2026-02&amp;profile=village" in text
    assert AccessLog.objects.get(action="print").detail["profile"] == "village"
    text = client.get("/ledger/", {"month": "2026-03", "tier": "1"}).content.decode()
    assert "层级：村级调解" in text
    assert client.get("/ledger/", {"month": "2026-03", "tier": "9"}).status_code == 422


def test_the_whole_screen_has_a_way_back(client, w):
    f.register(w)
    client.force_login(w.officer)
    text = client.get("/ledger/", {"month": "2026-03", "profile": "street", "full": "1"}).content.decode()
    assert 'class="whole"' in text and 'href="?month=2026-03&amp;profile=street">退出全屏' in text


# --- a county's own ---------------------------------------------------------------------------------------------------


def typed(*columns: tuple, name: str = "本县台账", **more) -> dict[str, str]:
    """The form as it is sent: (place, key, name, merged cell), each of the last two or neither."""
    data = {"name": name, **more}
    for place, key, *rest in columns:
        label, group = [*rest, "", ""][:2]
        data |= {f"at_{key}": str(place), f"label_{key}": label, f"group_{key}": group}
    return data


def test_an_administrator_picks_orders_names_and_merges(client, w):
    client.force_login(w.sysadmin)
    assert 'value="1"' in client.get(URL + "new/?from=village").content.decode()
    answer = client.post(
        URL + "new/",
        typed((3, "side_b", "乙", "双方"), ("２", "side_a", "甲", "双方"), (1, "no"), (9, "remark"), ("", "amount")),
    )
    row = LedgerProfile.objects.get()
    assert answer.status_code == 302 and answer.url == f"{URL}{row.pk}/"
    assert row.columns == [["no", "", ""], ["side_a", "甲", "双方"], ["side_b", "乙", "双方"], ["remark", "", ""]]
    log = AccessLog.objects.filter(action="manage").latest("pk")
    assert (log.subject, log.county, log.detail["how"]) == (f"ledger-columns:{row.pk}", "620623", "make")
    assert log.detail["columns"] == row.columns
    assert 'colspan="2">双方</th>' in client.get(answer.url).content.decode()

    client.force_login(w.officer)
    text = client.get("/ledger/", {"profile": row.key, "month": "2026-03"}).content.decode()
    assert f'<option value="own-{row.pk}" selected>本县台账</option>' in text

    client.force_login(w.sysadmin)
    assert client.post(answer.url, typed((1, "no"), version="1", name="改过的")).status_code == 302
    assert client.post(f"{answer.url}delete/").status_code == 302
    told = AccessLog.objects.filter(subject=f"ledger-columns:{row.pk}").order_by("pk")
    assert [one.detail["how"] for one in told] == ["make", "change", "drop"]
    assert not LedgerProfile.objects.exists()


@pytest.mark.parametrize(
    ("columns", "name", "sentence", "where"),
    [
        ([(1, "no")], " ", "给这种台账格式起个名", "id_name"),
        ([(1, "no")], "长" * 21, "最多 20 字，现在是 21 字", "id_name"),
        ([], "甲", "一列也没选", ""),
        ([("一", "no")], "甲", "顺序写 1 到 999 的整数", "id_at_no"),
        ([("0", "no")], "甲", "顺序写 1 到 999 的整数", "id_at_no"),
        ([("1000", "no")], "甲", "顺序写 1 到 999 的整数", "id_at_no"),
        ([("-1", "no")], "甲", "顺序写 1 到 999 的整数", "id_at_no"),
        ([("1.5", "no")], "甲", "顺序写 1 到 999 的整数", "id_at_no"),
        ([("²", "no")], "甲", "", None),  # a two, once it is made plain
        ([(1, "no"), (1, "case_no")], "甲", "顺序 1 已给了“序号”", "id_at_case_no"),
        ([(1, "no"), (2, "case_no", "序号")], "甲", "“序号”和“序号”那一列重名", "id_label_case_no"),
        ([(1, "no", "", "上"), (2, "case_no"), (3, "remark", "", "上")], "甲", "下面的列要挨着", "id_group_remark"),
        ([(1, "no", "民族")], "甲", "台账不登记这一项", "id_label_no"),
        ([(1, "no", "", "前科劣迹")], "甲", "台账不登记这一项", "id_group_no"),
        ([(1, "no", "长" * 21)], "甲", "最多 20 字", "id_label_no"),
        ([(1, "no", "名\x07")], "甲", "控制字符", "id_label_no"),
    ],
)
def test_bad_input_gets_a_sentence_and_keeps_what_was_typed(client, w, columns, name, sentence, where):
    client.force_login(w.sysadmin)
    answer = client.post(URL + "new/", typed((7, "remark", "记号"), *columns, name=name) if columns else {"name": name})
    text = answer.content.decode()
    if where is None:
        assert answer.status_code == 302
        return
    assert answer.status_code == 422 and sentence in text
    assert not LedgerProfile.objects.exists()
    if where:
        assert f'href="#{where}"' in text and f'id="{where}_error"' in text
    if columns and "remark" not in [key for _place, key, *_rest in columns]:
        assert 'value="记号"' in text


def test_a_name_is_given_once_in_a_county_and_a_county_has_twenty(client, w):
    client.force_login(w.sysadmin)
    assert client.post(URL + "new/", typed((1, "no"))).status_code == 302
    again = client.post(URL + "new/", typed((1, "no")))
    assert again.status_code == 422 and "已有叫这个名字的台账格式" in again.content.decode()
    for n in range(19):
        LedgerProfile.objects.make(by=w.sysadmin, at=f.NOW, name=f"第{n}种", picked=EVERYTHING[:2])
    full = client.post(URL + "new/", typed((1, "no"), name="多一种"))
    assert full.status_code == 422 and "最多 20 种台账格式" in full.content.decode()


def test_of_two_who_change_a_layout_the_second_is_shown_what_the_first_did(client, w):
    row = LedgerProfile.objects.make(by=w.sysadmin, at=f.NOW, name="本县", picked=EVERYTHING[:2])
    client.force_login(w.sysadmin)
    assert client.post(f"{URL}{row.pk}/", typed((1, "no"), (2, "visits"), version="1")).status_code == 302
    late = client.post(f"{URL}{row.pk}/", typed((1, "remark", "记号"), version="1"))
    text = late.content.decode()
    assert late.status_code == 409 and "刚改过这种格式" in text
    assert 'value="记号"' in text and '<input type="hidden" name="version" value="2"' in text
    row.refresh_from_db()
    assert [one[0] for one in row.columns] == ["no", "visits"]
    with pytest.raises(Stale):
        LedgerProfile.objects.change(row.pk, by=w.sysadmin, at=f.NOW, version=1, name="x", picked=EVERYTHING[:1])


def test_nobody_else_keeps_layouts_and_another_countys_is_not_there(client, w):
    row = LedgerProfile.objects.make(by=w.sysadmin, at=f.NOW, name="本县", picked=EVERYTHING[:2])
    for who in (w.officer, w.supervisor, w.secadmin):
        with pytest.raises(Refused):
            LedgerProfile.objects.make(by=who, at=f.NOW, name="x", picked=EVERYTHING[:1])
        with pytest.raises(Refused):
            LedgerProfile.objects.drop(row.pk, by=who, at=f.NOW)
    LedgerProfile.objects.filter(pk=row.pk).update(county="620622")
    client.force_login(w.sysadmin)
    assert "本县</a>" not in client.get(URL).content.decode()
    for answer in (
        client.get(f"{URL}{row.pk}/"),
        client.post(f"{URL}{row.pk}/", typed((1, "no"), version="1")),
        client.post(f"{URL}{row.pk}/delete/"),
        client.delete(f"/api/v1/ledger-profiles/{row.pk}/"),
    ):
        assert answer.status_code == 404


def test_a_column_that_the_product_lost_is_left_out(client, w):
    row = LedgerProfile.objects.make(by=w.sysadmin, at=f.NOW, name="旧的", picked=EVERYTHING[:2])
    LedgerProfile.objects.filter(pk=row.pk).update(columns=[["gone", "", ""], ["case_no", "案号", ""]])
    assert [str(c.label) for c in profile(w.officer, row.key).columns] == ["案号"]
    LedgerProfile.objects.filter(pk=row.pk).update(columns=[["gone", "", ""]])
    assert row.key not in {one.key for one in profiles_for(w.officer)}
    client.force_login(w.sysadmin)
    assert client.get(f"{URL}{row.pk}/").status_code == 200


def test_layouts_through_the_api(client, w):
    client.force_login(w.sysadmin)
    url = "/api/v1/ledger-profiles/"
    send = {"name": "本县", "columns": [{"key": "no"}, {"key": "side_a", "label": "甲", "group": "双方"}]}
    made = client.post(url, send, content_type="application/json")
    assert made.status_code == 201 and made.json()["key"] == f"own-{made.json()['id']}"
    assert made.json()["columns"][1] == {"key": "side_a", "label": "甲", "group": "双方"}
    one = f"{url}{made.json()['id']}/"
    assert client.put(one, send | {"version": 7}, content_type="application/json").status_code == 409
    assert client.put(one, send | {"version": 1}, content_type="application/json").json()["version"] == 2
    for wrong in (
        {"columns": []},
        {"columns": [{"key": "id_number"}]},
        {"columns": [{"key": "no"}, {"key": "no"}]},
        {"columns": [{"key": "no", "label": "前科"}]},
        {"name": "本县"},
    ):
        answer = client.post(url, {"name": "另一种"} | send | wrong, content_type="application/json")
        assert answer.status_code == 400, wrong
    assert [row["own"] for row in client.get(url).json()["results"]] == [False] * 6 + [True]
    assert client.delete(one).status_code == 204


# --- kept conditions --------------------------------------------------------------------------------------------------


def test_conditions_are_kept_under_a_name_without_their_month(client, w):
    f.register(w)
    client.force_login(w.officer)
    text = client.get("/ledger/", {"month": "2026-03", "status": "open", "profile": "village"}).content.decode()
    query = re.search(r'name="query" value="([^"]*)"', text)[1].replace("&amp;", "&")
    assert query == "status=open&profile=village"
    answer = client.post("/ledger/saved/", {"name": "在办村账", "query": query, "month": "2026-03"}, follow=True)
    assert "已保存为“在办村账”" in answer.content.decode()
    assert 'href="?month=2026-03&amp;status=open&amp;profile=village"' in answer.content.decode()
    row = SavedLedger.objects.get()
    client.post("/ledger/saved/", {"name": "在办村账", "query": "status=done"})
    assert SavedLedger.objects.get().query == "status=done"
    client.post(f"/ledger/saved/{row.pk}/delete/")
    assert not SavedLedger.objects.exists()


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"name": "", "query": "status=open"}, "给这组条件起个名"),
        ({"name": "长" * 31, "query": "status=open"}, "最多 30 字"),
        ({"name": "甲", "query": ""}, "还没有选条件"),
        ({"name": "甲", "query": "page=3&x=1"}, "还没有选条件"),
        ({"name": "甲", "query": "status=" + "x" * 600}, "条件太多"),
    ],
)
def test_what_cannot_be_kept_gets_a_sentence(client, w, sent, sentence):
    client.force_login(w.officer)
    answer = client.post("/ledger/saved/", sent)
    assert sentence in client.get("/ledger/").content.decode()
    assert answer.status_code == 302 and not SavedLedger.objects.exists()


def test_nobody_keeps_more_than_thirty(client, w):
    client.force_login(w.officer)
    for n in range(30):
        SavedLedger.objects.create(user=w.officer, name=f"第{n}", query="status=open")
    client.post("/ledger/saved/", {"name": "多一组", "query": "status=open"})
    client.post("/ledger/saved/", {"name": "第1", "query": "status=done"})
    answer = client.post("/api/v1/saved-ledgers/", {"name": "x", "query": "tier=1"}, content_type="application/json")
    assert answer.status_code == 409 and SavedLedger.objects.count() == 30
    assert SavedLedger.objects.get(name="第1").query == "status=done"


def test_a_layout_costs_no_more_queries_with_more_rows(client, w, monkeypatch):
    # asked once a minute, and a minute may end between two pages
    monkeypatch.setattr("config.context.missing_year", lambda: None)
    client.force_login(w.officer)

    def asked(key):
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/ledger/", {"month": "2026-03", "profile": key}).status_code == 200
        return len(captured)

    LedgerProfile.objects.make(by=w.sysadmin, at=f.NOW, name="全部", picked=EVERYTHING)
    f.settled(w)
    asked("default")  # what a process keeps is there from now on
    keys = [one.key for one in profiles_for(w.officer)]
    one = {key: asked(key) for key in keys}
    f.settled(w)
    f.register(w)
    assert {key: asked(key) for key in keys} == one
    assert max(one.values()) <= one["default"] + 7
