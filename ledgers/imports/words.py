"""The words of old ledgers, mapped by name: kinds of disputes, sources, grades, and what became of a case.

domain.md 4.2 (the list of 24 names), 4.6 (workflow words) and the habits of a pastoral county. What is not known by
name becomes 99 其他 with a notice and keeps its own word in the timeline: nothing is guessed from who is party to it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from villages.models import Code

OTHER = "99"
#: Name without 纠纷 or 争议 → code; the official names are read from the code tables.
TYPES: Mapping[str, str] = {
    "草场": "0905",
    "草场边界": "0905",
    "草原": "0905",
    "草场界线": "0905",
    "放牧": "0906",
    "越界放牧": "0906",
    "越界": "0906",
    "牲畜": "0907",
    "踩坏": "0907",
    "啃食": "0907",
    "轮水": "0908",
    "灌溉": "0908",
    "浇水": "0908",
    "采挖": "0909",
    "虫草": "0909",
    "邻里": "02",
    "邻里关系": "02",
    "相邻关系": "0202",
    "婚姻家庭": "01",
    "家庭婚姻": "01",
    "家庭": "01",
    "婚姻": "0101",
    "离婚": "0101",
    "彩礼": "0101",
    "恋爱": "0101",
    "抚养": "0102",
    "赡养": "0102",
    "继承": "0103",
    "分家": "0103",
    "土地承包": "0901",
    "土地流转": "0901",
    "农村集体土地征用流转": "1102",
    "征地": "1102",
    "征地拆迁": "1102",
    "国有土地拆迁": "1101",
    "拆迁": "1101",
    "城乡建设管理": "1103",
    "土地山林水利权属": "0903",
    "山林土地": "0903",
    "林地": "0903",
    "土地": "0901",
    "地界": "0901",
    "宅基地": "0902",
    "房屋宅基地": "0902",
    "水利": "0904",
    "环境保护": "0504",
    "环境污染": "0504",
    "计划生育": "1307",
    "村务管理": "1201",
    "村务": "1201",
    "劳动社保": "07",
    "劳资": "07",
    "劳动": "07",
    "劳动争议": "07",
    "工资": "07",
    "欠薪": "07",
    "拖欠农民工工资": "07",
    "医疗卫生": "0502",
    "医疗": "0502",
    "交通事故": "0503",
    "道路交通事故": "0503",
    "学校教育": "0501",
    "房产物业": "0402",
    "物业": "0402",
    "消费者维权产品质量": "0601",
    "消费": "0601",
    "经济合同金融借贷": "0804",
    "借贷": "0804",
    "民间借贷": "0804",
    "债务": "0804",
    "借款": "0804",
    "欠款": "0804",
    "合同": "06",
    "买卖": "0603",
    "人身伤害": "05",
    "人身损害": "05",
    "损害赔偿": "05",
    "打架": "05",
    "生产经营": "06",
    "边界管理": "1203",
    "民族宗教": "99",
    "企业改制": "1002",
    "移民安置": "1105",
    "行政执法": "13",
    "涉法涉诉": "14",
    "其他": "99",
    "其它": "99",
}
SOURCES: tuple[tuple[str, str], ...] = (
    ("12345|热线|转办", "07"),
    ("信访", "05"),
    ("法院|法庭|诉前|诉调", "04"),
    ("公安|派出所|警情|接处警|民警|110", "03"),
    ("综治", "09"),
    ("上级|交办|督办", "08"),
    ("排查|摸排|入户|网格|走访|干部发现|巡查|巡逻", "06"),
    ("主动", "02"),
    ("申请|群众|反映|来访|来电|当事人|求助|报案", "01"),
)
DANGERS: tuple[tuple[str, str], ...] = (("红", "red"), ("橙", "orange"), ("黄", "yellow"), ("蓝", "blue"))

OPEN = re.compile(
    r"[未没]有?(?:化解|办结|结案|处理|调处)|待化解|待调解|待处理|待受理|尚未|正在|化解中|调解中|调处中|办理中|处理中|跟进|继续"
)
WITHDRAWN = re.compile(r"撤回|撤销申请|撤诉|放弃")
ENDED = re.compile(r"不成(?!功率)|[未没]成功|[未没]达成|失败|终止|无法调解|化解不了")
REFERRED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"仲裁"), "arbitration"),
    (re.compile(r"复议|行政裁决|行政途径"), "administrative"),
    (re.compile(r"立案侦查|移交公安|治安处罚|刑事"), "police"),
    (re.compile(r"诉讼|起诉|法院|法庭|司法途径|引导"), "court"),
)
SETTLED = re.compile(r"化解|成功|达成|签订|和解|办结|销号|结案|履行|谅解|已调解|调解完毕|解决|处理完毕|已处理")
STRUCK_OFF = re.compile(r"(?<![未没待])(?:已|予以|同意)?(?:销号|结案)")
NOT_STRUCK = re.compile(r"[未没待]有?(?:销号|结案)|^否$|^无$")
WRITTEN, ORAL, SELF = re.compile(r"书面|签订|签了|协议书"), re.compile(r"口头"), re.compile(r"和解")
YES, NO = re.compile(r"^(?:有|是|√|已签|书面.*)$"), re.compile(r"^(?:无|否|没有|×|口头.*)$")
TOTAL = re.compile(r"^(?:本[月年季周]|截至.*)?(?:合计|小计|总计|累计|共计|合\s*计)")
FOOTER = re.compile(
    r"^(?:填表人|填报人|制表人|制表|审核人|审批人|负责人|分管领导|填报单位|填报时间|填报日期|说明|注|备注)[:：]"
)
SECTION = re.compile(r"^[（(]?[一二三四五六七八九十\d]+[）)、.．]\s*")
ORGANISATION = re.compile(
    r"公司|合作社|委员会|村委会|居委会|学校|小学|中学|幼儿园|医院|卫生院|工厂|煤矿|超市|饭店|政府|[局厂店所站场]$"
)


@dataclass
class Types:
    """The code tables and the words beside them, by name; longest first where a story is searched."""

    names: dict[str, str]

    @classmethod
    def load(cls) -> Types:
        names: dict[str, str] = {}
        known: set[str] = set()
        for table in ("dispute_type_zz_l2", "dispute_type_zz_l1"):  # the broader name wins
            for code, name, active in Code.objects.filter(table=table).values_list("code", "name", "active"):
                if name in ("其他", "其它"):
                    continue
                known.add(code)
                names[plain_type(name)] = code if active else OTHER
        for name, code in TYPES.items():
            names.setdefault(plain_type(name), code)
        return cls(names)

    def code(self, text: str) -> str | None:
        """The code of a word in a column of types; None for one that is not known."""
        word = plain_type(text)
        if not word:
            return None
        if match := re.match(r"(\d{4}|\d{2})(?!\d)", word):
            return match[1] if match[1] in self.names.values() else None
        return self.names.get(word)

    def told_in(self, story: str) -> tuple[str, str] | None:
        """(word, code) of the longest word of the tables that the story tells; the first of two as long."""
        best = None
        for word, code in self.names.items():
            if len(word) > 1 and code != OTHER and word in story:
                place = (-len(word), story.index(word))
                if best is None or place < best[0]:
                    best = (place, word, code)
        return (best[1], best[2]) if best else None


def plain_type(text: str) -> str:
    text = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))
    return re.sub(r"(?:类)?(?:矛盾)?(?:纠纷|争议)?(?:类)?$", "", text)
