import datetime as dt
import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.models import AccessLog
from tests import factories
from villages import importing
from villages.models import Area, Code, Coverage, Office, SpecialDay, TypeMap, in_force
from villages.setup import ensure_desks

DATA = Path(__file__).resolve().parents[2] / "data"
HEAD = "code,name,level,parent_code\n"
SMALL = HEAD + (
    "620623000000,天祝藏族自治县,3,620600000000\n"
    "620623100000,华藏寺镇,4,620623000000\n"
    "620623100001,兴盛社区居民委员会,5,620623100000\n"
    "620623101000,打柴沟镇,4,620623000000\n"
    "620623101200,大湾村委会,5,620623101000\n"
)

pytestmark = pytest.mark.django_db


def run(command, path):
    out, err = io.StringIO(), io.StringIO()
    call_command(command, str(path), stdout=out, stderr=err)
    return out.getvalue()


def divisions(text, day=dt.date(2026, 3, 2)):
    content = text if isinstance(text, bytes) else text.encode()
    return importing.import_divisions(content, by=None, at=factories.NOW, day=day)


def refused(function, text):
    with pytest.raises(importing.BadFile) as caught:
        function(text.encode() if isinstance(text, str) else text)
    return caught.value.problems


def test_tianzhu_and_wuwei_as_they_are():
    said = run("import_divisions", DATA / "tianzhu_divisions.csv")
    assert "共 228 行：县级 1，乡级 21，村级 206" in said
    assert "新增 228，修改 0，停用 0，未变 0" in said
    said = run("import_divisions", DATA / "wuwei_divisions.csv")
    assert "共 1408 行：市级 1，县级 4，乡级 108，村级 1295" in said
    assert "新增 1180，修改 1，停用 0，未变 227" in said  # the county now has its city
    assert "新增 0，修改 0，停用 0，未变 1408" in run("import_divisions", DATA / "wuwei_divisions.csv")
    assert "新增 0，修改 0，停用 0，未变 228" in run("import_divisions", DATA / "tianzhu_divisions.csv")
    assert Area.objects.get(code="620623000000").parent.name == "武威市"
    assert not Office.objects.exists()
    assert AccessLog.objects.filter(subject__startswith="divisions:").count() == 2  # unchanged files leave no row


def test_pseudo_units_are_served_by_nobody_and_can_be_corrected():
    run("import_divisions", DATA / "tianzhu_divisions.csv")
    unserved = Area.objects.filter(served=False)
    assert sorted(unserved.values_list("name", flat=True)) == sorted(
        ["天祝建材厂", "天祝建材厂虚拟社区", "天祝煤电公司", "天祝煤电公司虚拟社区"]
    )
    row = unserved.first()
    row.served = True
    row.short_name = "建材厂"
    row.save()
    run("import_divisions", DATA / "tianzhu_divisions.csv")
    row.refresh_from_db()
    assert (row.served, row.short_name) == (True, "建材厂")


def test_desks_are_made_for_served_areas_only_and_once():
    run("import_divisions", DATA / "tianzhu_divisions.csv")
    county = Area.objects.get(code="620623000000")
    assert ensure_desks(county) == 19 + 204
    assert ensure_desks(county) == 0
    village = Area.objects.filter(level=5, served=True).first()
    assert Coverage.objects.desk_for(village, 1).kind == Office.Kind.VILLAGE
    assert Coverage.objects.desk_for(village, 3).kind == Office.Kind.CENTRE
    assert Coverage.objects.desk_for(village, 2) is None


def test_three_bad_lines_are_named_and_nothing_is_written():
    divisions(SMALL)
    bad = (
        SMALL.replace("620623100001", "6.20623E+11")
        .replace("打柴沟镇,4", "打柴沟镇,9")
        .replace("大湾村委会,5,620623101000", "大湾村委会,5,620699101000")
    )
    problems = refused(divisions, bad)
    assert [text.split("：")[0] for text in problems] == ["第 4 行", "第 5 行", "第 6 行"]
    assert "科学计数" in problems[0]
    assert "级别" in problems[1]
    assert "620699101000 不在文件里" in problems[2]
    assert Area.objects.count() == 5
    assert Area.objects.filter(in_force(dt.date(2030, 1, 1))).count() == 5


def test_the_command_names_the_lines_and_fails(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(SMALL.replace("620623100001", "123"), encoding="utf-8")
    err = io.StringIO()
    with pytest.raises(CommandError, match="1 处问题"):
        call_command("import_divisions", str(path), stderr=err)
    assert "第 4 行：代码“123”不是 12 位数字" in err.getvalue()
    assert not Area.objects.exists()
    with pytest.raises(CommandError, match="读不了"):
        call_command("import_divisions", str(tmp_path / "none.csv"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "空的"),
        (b"\n\n", "空的"),
        (HEAD.encode(), "只有列名"),
        (b"a,b\n1,2\n", "列名应为"),
        (b"PK\x03\x04rest", "Excel"),
        (b"\xff\xfe\x00c", "编码"),
        ((SMALL + "\0").encode(), "空字符"),
        ((SMALL + '"620623\n').encode(), "引号"),
        ((SMALL + "620623102000,x\n").encode(), "应有 4 列"),
        ((SMALL + '620623102000,"松\n山镇",4,620623000000\n').encode(), "换行"),
        ((SMALL + "620623101200,又一个,5,620623101000\n").encode(), "重复"),
        ((SMALL + "620623102001,松山镇,4,620623000000\n").encode(), "不是 4 级的代码"),
        ((SMALL + "620623102000,松山镇,4,620623101200\n").encode(), "不高于本级"),
        ((SMALL + "620623102000,,4,620623000000\n").encode(), "没有名称"),
        ((SMALL + "620623102000," + "山" * 81 + ",4,620623000000\n").encode(), "81 个字"),
        ((SMALL + "６２０６２３１０２０００,松山镇,4,620623000000\n").encode(), "12 位数字"),
    ],
)
def test_broken_files_get_a_sentence(content, words):
    assert words in "".join(refused(divisions, content))
    assert not Area.objects.exists()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_the_encodings_of_wps_and_excel(encoding):
    assert divisions(SMALL.replace("\n", "\r\n").encode(encoding)).added == 5
    assert Area.objects.get(code="620623101200").name == "大湾村委会"


def test_what_left_the_file_is_end_dated_below_its_first_row_only():
    divisions(SMALL)
    divisions(HEAD + "620622000000,古浪县,3,620600000000\n620622100000,古浪镇,4,620622000000\n")
    fewer = "\n".join(line for line in SMALL.splitlines() if "大湾" not in line)
    report = divisions(fewer)
    assert (report.added, report.changed, report.ended, report.unchanged) == (0, 0, 1, 4)
    assert any("大湾村委会 不在文件里，已停用" in note for note in report.notes)
    assert Area.objects.get(code="620623101200").valid_to == dt.date(2026, 3, 2)
    assert Area.objects.get(code="620622100000").valid_to is None
    assert divisions(fewer).writes is False
    back = divisions(SMALL, day=dt.date(2026, 5, 1))
    assert back.changed == 1
    assert Area.objects.get(code="620623101200").valid_to is None


def test_a_village_that_moves_to_another_township_keeps_its_row():
    divisions(SMALL)
    before = Area.objects.get(code="620623101200")
    report = divisions(SMALL.replace("大湾村委会,5,620623101000", "大湾村委会,5,620623100000"))
    after = Area.objects.get(code="620623101200")
    assert after.pk == before.pk
    assert after.parent.name == "华藏寺镇"
    assert any("大湾村委会 改属 华藏寺镇" in note for note in report.notes)


def test_a_parent_outside_the_file_is_kept_as_its_code():
    divisions(SMALL)
    county = Area.objects.get(code="620623000000")
    assert (county.parent, county.parent_code) == (None, "620600000000")


def test_code_tables_and_mapping_twice():
    assert "新增 178，" in run("import_codes", DATA / "code_tables.csv")
    assert "未变 178" in run("import_codes", DATA / "code_tables.csv")
    assert "新增 83，" in run("import_codes", DATA / "dispute_type_map.csv")
    assert "未变 83" in run("import_codes", DATA / "dispute_type_map.csv")
    assert Code.objects.get(table="dispute_type_zz_l1", code="16").active is False
    assert Code.objects.get(table="dispute_type_zz_l2", code="0101").name
    assert TypeMap.objects.get(zz_l2="0203").moj == "09"


def test_codes_that_left_the_file_are_ended_but_local_ones_and_other_tables_stay():
    head = "table,code,name_zh,name_en,active,standing\n"
    codes = lambda text: importing.import_codes(text.encode(), by=None, at=timezone.now(), day=dt.date(2026, 3, 2))  # noqa: E731
    codes(head + "colour,01,红,red,1,x\ncolour,02,蓝,blue,1,x\nsize,01,大,big,1,x\n")
    Code.objects.create(table="colour", code="99", name="本地", standing=Code.LOCAL)
    report = codes(head + "colour,01,红色,red,1,x\n")
    assert (report.changed, report.ended) == (1, 1)
    ended = Code.objects.exclude(valid_to=None)
    assert [(row.table, row.code) for row in ended] == [("colour", "02")]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("Colour,01,红,red,1,x", "字典名"),
        ("colour,0 1,红,red,1,x", "代码"),
        ("colour,01,,red,1,x", "没有名称"),
        ("colour,01,红,red,yes,x", "active"),
    ],
)
def test_bad_codes_are_refused(row, words):
    problems = refused(
        lambda content: importing.import_codes(content, by=None, at=timezone.now(), day=dt.date(2026, 3, 2)),
        f"table,code,name_zh,name_en,active,standing\n{row}\n",
    )
    assert problems[0].startswith("第 2 行")
    assert words in problems[0]
    assert not Code.objects.exists()


def test_holidays_twice():
    assert "新增 771" in run("import_holidays", DATA / "holidays.csv")
    assert "未变 771" in run("import_holidays", DATA / "holidays.csv")
    assert SpecialDay.objects.filter(day__year=2026, kind="workday").count() == 6


def test_bad_holidays_name_every_line():
    text = "day,kind,name\n2027-02-30,holiday,x\n2027-01-01,feast,x\n2027-01-04,workday,x\n2027-01-05,holiday,x\n"
    problems = refused(lambda content: importing.import_holidays(content, by=None, at=timezone.now()), text)
    assert [line.split("：")[0] for line in problems] == ["第 2 行", "第 3 行", "第 4 行"]
    assert not SpecialDay.objects.exists()
