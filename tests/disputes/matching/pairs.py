"""300 pairs and 3,000 non-pairs from one seed: what somebody enters, and the earlier case it is or is not about.

Written before the matcher, and from habits rather than from its rules: one township of 24 villages, surnames and given
names as uneven as they are, brothers who share all but one character, households, numbers that were given to somebody
else. Homophones and variants are lists of their own, so that the matcher's tables are not asked to prove themselves.

A pair is not told by more than people tell: of three misspelt entries one has nothing but the name.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from config.demo.people import id_number
from disputes import bulk
from disputes.models import Dispute, rules_on
from tests import factories
from villages.models import Coverage

SEED = 620623
PAIRS = {
    "same name": 50, "one character off": 50, "same sound": 50, "variant": 40, "moved": 40, "new mobile": 40,
    "same two again": 30,
}  # fmt: skip
OTHERS = {
    "unrelated": 1000, "namesake in another village": 1000, "brother": 500, "same surname": 150,
    "sounds alike": 150, "variant of somebody else": 60, "namesake with another ID number": 60,
    "namesake of the same village": 40, "number passed on": 40,
}  # fmt: skip
MISSPELT = ("one character off", "same sound", "variant")
VILLAGES = 24
TYPES = "0201 0202 0205 0301 0404 0601 0701 0801 0901 0905 1001 1301".split()

#: The first are the most frequent.
SURNAMES = (
    "王 马 李 张 杨 刘 赵 陈 徐 祁 蔡 韩 白 杜 鲁 石 何 苏 罗 朱 胡 高 周 孙 吴 田 冯 董 宋 严 肖 闫 付 贾 欧阳"
).split()
FIRST = (
    "国 玉 文 建 世 永 生 有 海 志 成 学 宝 得 兴 秀 春 金 桂 红 月 雪 凤 小 明 占 怀 正 长 启 延 天 存 多 万 德"
).split()
LAST = (
    "林 军 英 兰 花 山 福 昌 强 明 财 龙 梅 荣 芳 栋 平 珍 霞 忠 祥 贵 红 才 华 元 莲 云 德 生 琴 燕 香 寿 善"
    " 文 杰 峰 喜"
).split()
TIBETAN = (
    "扎西 才让 桑吉 旦增 多杰 索南 仁青 贡保 华旦 更登 尕藏 朋措 万玛 拉毛 卓玛 德吉 完玛 南杰 旦正 斗格 昂青 俄金 "
    "关却 公保 久美 洛桑 智华 群培 班玛 东主 叶西 拉姆 周加 娘吾 杨毛 交巴 三智 才项 加洋 丹巴"
).split()
TIBETAN_ENDINGS = (
    "东珠 才让 多杰 加 扎西 索南 卓玛 措 吉 草 拉毛 东知 旦增 南杰 项秀 太 本 才旦 江措 仁青 旺姆 央金 尖措 道吉"
).split()

#: Characters that people write for each other because they are said alike, whatever the tone.
SAID_ALIKE = (
    "林琳霖 军均君 英瑛莹 兰岚蓝 花华 山珊 福富 昌长 强墙 明鸣铭 财才材 龙隆 梅玫 荣容蓉 芳方 栋东冬 平萍 珍真贞 "
    "霞侠 忠中钟 祥翔 贵桂 红洪宏 元园源 莲连 云芸 德得 生升声 琴勤 燕艳 香湘 寿受 善扇 文雯 峰丰 喜西 国果 玉育钰 "
    "建健剑 世士仕 永勇咏 有友 海亥 志智 成诚程 学雪 宝保 兴星 秀绣 春椿 金今 月悦 凤奉 小晓 占站 怀淮 正政 启起 "
    "延岩 天田 存村 多夺 王汪 张章 徐许 祁齐 何贺 白柏 石时 胡呼 周州 杜度 尕嘎 吉及 加佳甲 措错 珠朱 玛马 让壤 毛茂 "
    "登灯 索锁 旦但 草曹"
).split()
#: The same character written another way.
WRITTEN_ALIKE = (
    "峰峯 杰傑 国國 强強 凤鳳 兰蘭 龙龍 荣榮 华華 军軍 贵貴 财財 宝寶 寿壽 学學 万萬 云雲 红紅 莲蓮 马馬 张張 杨楊 "
    "刘劉 赵趙 陈陳 韩韓 罗羅 孙孫 吴吳 肖萧 闫阎 付傅 贾賈 冯馮 严嚴 长長 兴興 东東 怀懷 启啓 栋棟 群羣 升昇 村邨 "
    "喆哲 堃坤"
).split()
#: Any character that another one is misheard for.
HEARD = [character for character in FIRST + LAST + TIBETAN_ENDINGS if len(character) == 1]


@dataclass(frozen=True)
class Person:
    name: str
    phone: str = ""
    id_number: str = ""


@dataclass(frozen=True)
class Told:
    """One dispute as it was told: by whom, in which village, of which kind."""

    people: tuple[Person, ...]
    village: int
    type_l2: str

    def parties(self) -> list[dict[str, Any]]:
        return [{"side": side, **vars(person)} for side, person in zip("ABC", self.people, strict=False)]


@dataclass
class Example:
    """An entry and an earlier case; `same` when one should be suggested for the other."""

    kind: str
    same: bool
    entry: Told
    earlier: Told
    case: Dispute | None = field(default=None, repr=False)


class Dice:
    """The people and disputes of one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def often_first(self, items: list[str]) -> str:
        return self.rng.choices(items, [1 / (n + 3) for n in range(len(items))])[0]

    def name(self) -> str:
        dice = self.rng.random()
        if dice < 0.2:
            first = self.often_first(TIBETAN)
            return first + self.rng.choice([end for end in TIBETAN_ENDINGS if end != first])
        given = self.often_first(LAST) if dice < 0.35 else self.often_first(FIRST) + self.often_first(LAST)
        return self.often_first(SURNAMES) + given

    def phone(self) -> str:
        return f"1{self.rng.choice('3578')}{self.rng.randrange(10**9):09d}"

    def number(self) -> str:
        born = dt.date(1945, 1, 1) + dt.timedelta(days=self.rng.randrange(22_000))
        return id_number(born, self.rng.randrange(1000))

    def person(self, name: str = "", *, phone: float = 0.9, number: float = 0.5) -> Person:
        """Somebody who told a phone and an ID number as often as people do."""
        return Person(
            name or self.name(),
            self.phone() if self.rng.random() < phone else "",
            self.number() if self.rng.random() < number else "",
        )

    def told(self, *people: Person, village: int | None = None) -> Told:
        village = self.rng.randrange(VILLAGES) if village is None else village
        return Told(people, village, self.rng.choice(TYPES))

    def altered(self, name: str, groups: list[str]) -> str | None:
        """The name with one or two characters exchanged inside their groups; None where it has none."""
        places = [n for n, character in enumerate(name) if any(character in group for group in groups)]
        if not places:
            return None
        given = [n for n in places if n] or places  # a family's name is what others know best
        chosen = {self.rng.choice(given if self.rng.random() < 0.85 else places)}
        if len(given) > 1 and self.rng.random() < 0.2:
            chosen.add(self.rng.choice(given))
        letters = list(name)
        for n in chosen:
            group = next(group for group in groups if letters[n] in group)
            letters[n] = self.rng.choice([other for other in group if other != letters[n]])
        return "".join(letters)

    def misheard(self, name: str) -> str:
        """One character of the given name replaced (three of four times), forgotten, or one too many."""
        at = self.rng.randrange(1, len(name))
        how = self.rng.random()
        if how < 0.15 and len(name) > 2:
            return name[:at] + name[at + 1 :]
        other = self.rng.choice([c for c in HEARD if c != name[at]])
        return name[:at] + other + name[at + (how < 0.9) :]

    def changed(self, kind: str) -> tuple[str, str]:
        """A name, and what it is altered to."""
        while True:
            name = self.name()
            if kind == "one character off":
                return name, self.misheard(name)
            other = self.altered(name, SAID_ALIKE if kind == "same sound" else WRITTEN_ALIKE)
            if other:
                return name, other

    # --- pairs ------------------------------------------------------------------------------------------------------
    def pair(self, kind: str) -> Example:
        earlier, entry = self.misspelt(kind) if kind in MISSPELT else getattr(self, kind.replace(" ", "_"))()
        if self.rng.random() < 0.3:  # the other side tells it
            entry = replace(entry, people=entry.people[::-1])
        return Example(kind, True, entry, earlier)

    def misspelt(self, kind: str) -> tuple[Told, Told]:
        """With the other side's name, with the same phone, or with nothing else."""
        name, other = self.changed(kind)
        person, second = self.person(name), self.person()
        earlier, dice = self.told(person, second), self.rng.random()
        people = (Person(other),)
        if dice < 0.45:
            people = (Person(other), Person(second.name))
        elif dice < 0.7:
            people = (Person(other, person.phone),)
        type_l2 = earlier.type_l2 if self.rng.random() < 0.75 else self.rng.choice(TYPES)
        return earlier, Told(people, earlier.village, type_l2)

    def same_name(self) -> tuple[Told, Told]:
        earlier = self.told(self.person(), self.person())
        second = earlier.people[1] if self.rng.random() < 0.5 else self.person()
        return earlier, self.told(Person(earlier.people[0].name), second, village=earlier.village)

    def moved(self) -> tuple[Told, Told]:
        """Lives in another village now; the phone or the ID number stayed."""
        person = self.person(phone=1, number=1)
        earlier = self.told(person, self.person())
        shown = self.rng.choice([replace(person, phone=self.phone()), replace(person, id_number="")])
        return earlier, self.told(shown, self.person(), village=self.elsewhere(earlier.village))

    def new_mobile(self) -> tuple[Told, Told]:
        earlier = self.told(self.person(), self.person())
        person = Person(earlier.people[0].name, self.phone())
        return earlier, self.told(person, self.person(), village=earlier.village)

    def same_two_again(self) -> tuple[Told, Told]:
        """Another dispute of the same kind between the same two, who have other phones by now."""
        earlier = self.told(self.person(), self.person())
        return earlier, replace(earlier, people=tuple(Person(p.name, self.phone()) for p in earlier.people))

    def elsewhere(self, village: int) -> int:
        return (village + self.rng.randrange(1, VILLAGES)) % VILLAGES

    # --- non-pairs --------------------------------------------------------------------------------------------------
    def other(self, kind: str) -> Example:
        person, somebody = self.person(), None
        earlier = self.told(person, self.person())
        village = earlier.village
        if kind == "namesake in another village":
            village = self.elsewhere(village)
            somebody = self.person(person.name)
        elif kind == "brother":
            somebody = self.person(self.brother(person.name))
        elif kind == "same surname":
            somebody = self.person(person.name[0] + self.often_first(FIRST) + self.often_first(LAST))
        elif kind in ("sounds alike", "variant of somebody else"):
            name, other = self.changed("same sound" if kind == "sounds alike" else "variant")
            person, somebody = self.person(name, number=0.7), self.person(other, phone=1, number=0.7)
            if kind != "sounds alike":  # nothing but the numbers tells these two apart
                person = replace(person, id_number=self.number())
                somebody = replace(somebody, id_number=self.number())
        elif kind == "namesake with another ID number":
            person, somebody = self.person(number=1), self.person(number=1)
            somebody = replace(somebody, name=person.name)
        elif kind == "namesake of the same village":
            somebody = self.person(person.name)
        elif kind == "number passed on":
            person = self.person(phone=1)
            somebody = replace(self.person(), phone=person.phone)
            village = self.rng.randrange(VILLAGES)
        earlier = replace(earlier, people=(person, *earlier.people[1:]))
        return Example(kind, False, self.told(somebody or self.person(), self.person(), village=village), earlier)

    def brother(self, name: str) -> str:
        """The same surname and the generation's character, another last one."""
        last = self.rng.choice([c for c in LAST if c != name[-1]])
        return name[:-1] + last


def examples(seed: int = SEED) -> list[Example]:
    """The pairs and the others, shuffled; the same for the same seed."""
    dice = Dice(seed)
    made = [dice.pair(kind) for kind, count in PAIRS.items() for _ in range(count)]
    made += [dice.other(kind) for kind, count in OTHERS.items() for _ in range(count)]
    dice.rng.shuffle(made)
    return made


def write(w: SimpleNamespace, made: list[Example]) -> None:
    """The earlier cases in villages of 松山镇, and beside every pair a twin of its entry in another township."""
    w.villages = [w.village, w.sister_village]
    for n in range(len(w.villages), VILLAGES):
        w.villages.append(factories.area(f"6206231032{n + 10}", f"松山{n}村", 5, w.township))
        Coverage.objects.create(office=w.room, area=w.villages[-1])
    rules, serials, drafts = rules_on(factories.NOW.date()), Counter(), []

    def draft(told: Told, village: Any, desk: Any) -> bulk.Draft:
        at = factories.NOW + dt.timedelta(minutes=len(drafts))
        key = f"{village.county_code}-{village.parent.code[6:9]}-{at.year}"
        serials[key] += 1
        facts = {
            "village": village, "type_l1": told.type_l2[:2], "type_l2": told.type_l2, "source": "06", "tier": 2,
            "found_on": at.date(), "narrative": "两户起争执",
        }  # fmt: skip
        return bulk.Draft.register(
            case_no=f"{key}-{serials[key]:04d}", by=w.officer, at=at, desk=desk, facts=facts, parties=told.parties(),
            rules=rules,
        )  # fmt: skip

    for example in made:
        drafts.append(draft(example.earlier, w.villages[example.earlier.village], w.room))
        example.case = drafts[-1].case
        if example.same:
            drafts.append(draft(example.entry, w.far_village, w.far_room))
    bulk.write_cases(drafts)
    bulk.write_events(drafts)
    bulk.write_counters(serials)
