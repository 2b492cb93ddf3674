"""How amounts, days and times are written, and what a form field tells its reader."""

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django import forms
from django.template import Context, Template
from django.test import RequestFactory

from config.templatetags import ui

SHANGHAI = ZoneInfo("Asia/Shanghai")
TODAY = dt.date(2026, 3, 28)


def render(source: str, **context: object) -> str:
    return Template(source).render(Context(context))


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (0, "零元整"),
        (Decimal("0.01"), "壹分"),
        (Decimal("0.5"), "伍角整"),
        (10, "壹拾元整"),
        (105, "壹佰零伍元整"),
        (1005, "壹仟零伍元整"),
        (1800, "壹仟捌佰元整"),
        (10000, "壹万元整"),
        ("12000.50", "壹万贰仟元伍角整"),
        (Decimal("16409.02"), "壹万陆仟肆佰零玖元零贰分"),
        (100500, "壹拾万零伍佰元整"),
        (1010010, "壹佰零壹万零壹拾元整"),
        (100000001, "壹亿零壹元整"),
        (100010000, "壹亿零壹万元整"),
        (999999999999, "玖仟玖佰玖拾玖亿玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元整"),
        (-20, "负贰拾元整"),
        (10**12, "--"),
        ("abc", "--"),
        (None, "--"),
        ("NaN", "--"),
    ],
)
def test_amounts_in_capital_figures(amount, words):
    assert ui.cn_money(amount) == words


def test_amounts_in_figures():
    assert render("{{ a|money }} {% money a %}", a=12000) == '12,000 <span class="num">12,000 元</span>'
    assert ui.money(Decimal("12000.5")) == "12,000.50"
    assert ui.money("") == "--"


def test_days_name_the_year_only_when_it_is_another_one():
    assert ui.cn_date(TODAY, TODAY) == "3月28日"
    assert ui.cn_date(dt.date(2025, 12, 1), TODAY) == "2025年12月1日"
    assert ui.cn_date(dt.datetime(2026, 3, 27, 17, 0, tzinfo=dt.UTC), TODAY) == "3月28日"
    assert ui.cn_date(None) == "--"


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (dt.timedelta(seconds=5), "刚刚"),
        (dt.timedelta(minutes=1), "1 分钟前"),
        (dt.timedelta(minutes=59, seconds=59), "59 分钟前"),
        (dt.timedelta(hours=23), "23 小时前"),
        (dt.timedelta(days=2), "03-26 09:41"),
        (dt.timedelta(days=90), "2025-12-28 09:41"),
        (-dt.timedelta(hours=1), "03-28 10:41"),
    ],
)
def test_times_are_relative_for_one_day(before, words):
    now = dt.datetime(2026, 3, 28, 9, 41, tzinfo=SHANGHAI)
    assert ui.reltime(now - before, now) == words


def test_a_day_without_a_time_gets_no_made_up_midnight():
    assert "00:00" not in ui.reltime(TODAY)


def test_due_words_name_the_unit_of_the_rule_and_overdue_counts_calendar_days():
    assert ui.due_words(dt.date(2026, 3, 25), left=-2, unit="work", today=TODAY) == ("over", "逾期 3 天")
    assert ui.due_words(TODAY, left=0, unit="work", today=TODAY) == ("today", "今天到期")
    assert ui.due_words(dt.date(2026, 4, 2), left=3, unit="work", today=TODAY) == ("", "还剩 3 个工作日")
    assert ui.due_words(dt.date(2026, 4, 2), today=TODAY) == ("", "还剩 5 天")


def test_due_label_never_has_a_colour_without_words():
    html = render("{% due d today=t %}{% due d today=t inline=True %}", d=dt.date(2026, 3, 25), t=TODAY)
    assert 'class="due over"' in html and html.count("逾期 3 天") == 2 and "3月25日" in html


def test_counts_stop_at_a_thousand():
    assert ui.total(25) == "共 25 件"
    assert ui.total(1000) == "共 1,000 件"
    assert ui.total(1001) == ui.total(1000, capped=True) == "超过 1,000 件"


def test_numbered_pager_keeps_the_query():
    from django.core.paginator import Paginator

    request = RequestFactory().get("/villages/", {"q": "大湾", "page": "2"})
    html = render("{% pages page %}", page=Paginator(range(60), 20).page(2), request=request)
    assert "q=%E5%A4%A7%E6%B9%BE&amp;page=3" in html and 'aria-current="page"' in html and "共 60 件" in html


class Sample(forms.Form):
    name = forms.CharField(label="乙方", help_text="姓名或单位", error_messages={"required": "填写乙方姓名"})
    day = forms.DateField(label="日期", required=False)
    way = forms.ChoiceField(
        label="方式",
        choices=[("a", "入户"), ("b", "电话")],
        widget=forms.RadioSelect,
        error_messages={"required": "选方式"},
    )


def test_a_field_with_an_error_says_it_beside_and_in_the_summary_with_the_same_words():
    form = Sample({"name": "", "day": ""})
    html = render("{% error_summary form %}{% field form.name %}{% field form.day %}{% field form.way %}", form=form)
    assert html.count("填写乙方姓名") == 2
    assert 'href="#id_name"' in html and 'href="#id_way_0"' in html and 'id="id_way_0"' in html
    assert 'aria-invalid="true"' in html and 'aria-describedby="id_name_error id_name_hint"' in html
    assert 'id="id_name_error"' in html and 'id="id_name_hint"' in html
    assert " required" not in html
    assert "data-date" in html and 'id="id_day_echo"' in html and "还有 2 处要改" in html


def test_radios_are_a_fieldset_with_nothing_chosen():
    html = render("{% field form.way %}", form=Sample())
    assert "<fieldset" in html and "<legend" in html and html.count('type="radio"') == 2 and "checked" not in html


def test_formset_errors_reach_the_summary():
    rows = forms.formset_factory(Sample, extra=0, min_num=1, validate_min=True)(
        {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "0", "form-0-day": "x"}
    )
    html = render("{% error_summary rows %}", rows=rows)
    assert 'href="#id_form-0-name"' in html


def test_values_are_escaped():
    html = render("{% tag t %}{% masked t '/x/' t %}{% chips c %}", t="<b>", c=[{"text": "<b>", "url": "?a=1"}])
    assert "<b>" not in html


def test_reveal_is_a_post_form_that_asks_why_and_says_it_is_recorded():
    html = render('{% masked "138****6021" "/x/" "马文林的电话" "phone" %}')
    assert (
        'method="post"' in html and 'name="reason"' in html and "你的查看会被记录" in html and 'value="phone"' in html
    )
    assert "<form" not in render('{% masked "138****6021" %}')


def test_only_own_addresses_become_undo_links():
    class Message:
        extra_tags = "undo=https://elsewhere/"

    assert ui.undo_url(Message()) == ""
    Message.extra_tags = "undo=//elsewhere/"
    assert ui.undo_url(Message()) == ""
    Message.extra_tags = "undo=/disputes/x/undo/"
    assert ui.undo_url(Message()) == "/disputes/x/undo/"
