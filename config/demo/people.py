"""Invented people: Han and Tibetan names, ID numbers of the unassigned region 620699, mobiles that nobody holds."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass

REGION = "620699"  # assigned to no county
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643
CHECK = "10X98765432"

# fmt: off
SURNAMES = (
    "马 王 李 张 杨 刘 赵 陈 徐 祁 蔡 韩 白 甘 杜 鲁 石 何 苏 罗 朱 胡 高 周 孙 吴 田 冯 董 宋 "
    "严 雷 汪 贾 火 把 单 解 曾 仇 翟 查 盖 欧阳"
).split()
MALE = (
    "建军 国栋 有福 世昌 文林 玉山 得财 生福 海龙 志强 永明 占山 成德 宝财 万才 生荣 兴国 学文 进忠 长寿 "
    "立新 延平 启明 多禄 发祥 正元 天喜 怀德 存善 生贵 堃 喆 永堃 怀喆"
).split()
FEMALE = (
    "秀英 玉兰 桂花 小兰 淑珍 春梅 彩霞 玉莲 海燕 月琴 凤英 金花 兰香 雪梅 巧玲 菊芳 红霞 银花 生秀 吉祥"
).split()
FIRST = (
    "扎西 才让 桑吉 旦增 多杰 索南 仁青 贡保 华旦 东知 更登 尕藏 三木 朋措 交巴 久美 万玛 拉毛 卓玛 德吉"
).split()
SECOND_MALE = "顿珠 加措 才让 多杰 东珠 南杰 尖措 杰布 扎西 旺杰 道吉 嘉措".split()
SECOND_FEMALE = "卓玛 拉毛 旺姆 措姆 吉草 央金 拉姆 娜姆".split()
RARE = ("马䶮", "王喆", "李堃", "赵䶮", "才让喆")
ORGANISATIONS = (
    "{place}村集体经济合作社", "{place}富民养殖专业合作社", "天河草畜农民专业合作社", "祁连砂石料厂", "草原明珠农家乐",
    "金强河建筑劳务队", "乌鞘岭牦牛合作社", "雪域藜麦种植公司",
)
# fmt: on


def id_number(birth_on: dt.date, serial: int) -> str:
    """A number with a right checksum in a region that does not exist; an odd serial is a man's."""
    body = f"{REGION}{birth_on:%Y%m%d}{serial % 1000:03d}"
    return body + CHECK[sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS, strict=True)) % 11]


def mobile(rng: random.Random) -> str:
    """13x 0000 xxxx: a whole office code of zeros shows at once that nobody answers."""
    return f"13{rng.randrange(10)}0000{rng.randrange(10000):04d}"


def landline(rng: random.Random) -> str:
    return f"0935-{rng.randrange(1000):07d}"


def name(rng: random.Random, *, male: bool) -> str:
    """A name as it is written here: two or three Han characters, or four to six of a Tibetan name, some with ·."""
    dice = rng.random()
    if dice < 0.01:
        return rng.choice(RARE)
    if dice < 0.62:
        return rng.choice(SURNAMES) + rng.choice(MALE if male else FEMALE)
    first, second = rng.choice(FIRST), rng.choice(SECOND_MALE if male else SECOND_FEMALE)
    if dice < 0.66:
        return first + ("加" if male else "草")  # the short form: 扎西加, 才让草
    if dice < 0.70:
        return f"{first}·{second}"
    if dice < 0.74:
        third = rng.choice(SECOND_MALE if male else SECOND_FEMALE)
        return first + second + (third if third != second else "才让")
    return first + (second if second != first else "东珠")


@dataclass
class Villager:
    """Somebody who may be a party; `as_party` gives the mapping that `register` takes."""

    name: str
    male: bool
    birth_on: dt.date
    phone: str
    id_number: str
    address: str

    def as_party(self, side: str, **more: object) -> dict[str, object]:
        return {
            "side": side,
            "name": self.name,
            "sex": "1" if self.male else "2",
            "birth_on": self.birth_on,
            "phone": self.phone,
            "id_number": self.id_number,
            "address": self.address,
            **more,
        }


def villager(
    rng: random.Random, place: str, today: dt.date, *, ages: tuple[int, int] = (22, 76), male: bool | None = None
) -> Villager:
    """Somebody of `place`; a few gave no ID number or no phone."""
    male = rng.random() < 0.68 if male is None else male
    birth_on = today - dt.timedelta(days=rng.randint(ages[0] * 365 + 30, ages[1] * 365))
    serial = rng.randrange(0, 500) * 2 + male
    return Villager(
        name=name(rng, male=male),
        male=male,
        birth_on=birth_on,
        phone=mobile(rng) if rng.random() < 0.95 else "",
        id_number=id_number(birth_on, serial) if rng.random() < 0.8 else "",
        address=f"{place}{rng.choice('一二三四五六')}社{rng.randint(1, 86)}号",
    )


def organisation(rng: random.Random, place: str, side: str) -> dict[str, object]:
    """A cooperative, a pit or a building team as a party."""
    return {
        "side": side,
        "kind": "org",
        "name": rng.choice(ORGANISATIONS).format(place=place.removesuffix("村")),
        "contact_name": name(rng, male=True),
        "phone": mobile(rng),
    }
