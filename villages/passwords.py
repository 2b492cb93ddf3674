"""What a password must be, and the random one that a new account starts with."""

from __future__ import annotations

import re
import secrets

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from villages.models import Area, User, in_force
from villages.pinyin import person_keys, place_keys

#: What everybody here would try first.
# fmt: off
PRODUCT_WORDS = (
    "jiufen", "maodun", "tiaojie", "huajie", "zongzhi", "jingwu", "zhuli", "minjing", "paichusuo", "police", "dispute",
    "demo", "admin", "password", "mima", "gansu", "wuwei", "tianzhu", "qwer", "asdf", "12345",
    "矛盾", "纠纷", "调解", "综治", "警务", "民警", "密码",
)
# fmt: on
MIN_OWN = 8  # characters that must remain when the context words are taken out
# No 0/O, 1/l/I: the sheet with the password is read aloud and typed by hand.
LOWER, UPPER, DIGITS = "abcdefghjkmnpqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZ", "23456789"


def initial_password() -> str:
    """A random password of 16 letters and digits in groups of four (about 92 bits), satisfying every profile."""
    while True:
        letters = "".join(secrets.choice(LOWER + UPPER + DIGITS) for _n in range(16))
        if all(any(c in kind for c in letters) for kind in (LOWER, UPPER, DIGITS)):
            return "-".join(letters[n : n + 4] for n in range(0, 16, 4))


def context_words(user: User | None) -> set[str]:
    """Words that say nothing secret about this person: account, name, offices, county, product."""
    words = set(PRODUCT_WORDS)
    if user is None:
        return words
    words |= {user.username, user.name, user.phone, *person_keys(user.name)[0].split()}
    places = set(Area.objects.filter(level=Area.Level.COUNTY).values_list("short_name", flat=True)[:20])
    if user.pk:
        for posting in user.postings.filter(in_force()).select_related("office__area__parent"):
            area = posting.office.area
            places |= {posting.office.name, area.short_name, area.parent.short_name if area.parent else ""}
    # 天祝藏族自治县 is typed as 天祝, 石门警务室 as 石门.
    places |= {name[:2] for name in places}
    for name in places:
        words |= {name, *place_keys(name)[0].split()}
    return {word.lower() for word in words if len(word) >= (4 if word.isascii() else 2)}


class ContextWordsValidator:
    """Refuses what is left too short once account, name, office, county and product words are taken out."""

    def validate(self, password: str, user: User | None = None) -> None:
        left = password.lower()
        for word in sorted(context_words(user), key=len, reverse=True):
            left = left.replace(word, "")
        if len(left) < MIN_OWN <= len(password):
            raise ValidationError(
                _("密码里除了账号、姓名、单位和地名，自己想的部分不到 %(n)d 个字符，再加长一些") % {"n": MIN_OWN},
                code="password_context",
            )

    def get_help_text(self) -> str:
        return _("不要用账号、姓名、单位名和地名凑成密码")


class ComplexityValidator:
    """Three of four kinds of characters where the police profile asks for it (GB/T 22239-2019)."""

    KINDS = (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^a-zA-Z0-9]")

    def validate(self, password: str, user: User | None = None) -> None:
        if settings.POLICY_PROFILE == "asvs":
            return
        if sum(bool(re.search(kind, password)) for kind in self.KINDS) < 3:
            raise ValidationError(_("密码要有大写字母、小写字母、数字、其他字符中的三种"), code="password_complexity")

    def get_help_text(self) -> str:
        if settings.POLICY_PROFILE == "asvs":
            return ""
        return _("大写字母、小写字母、数字、其他字符，至少三种")
