"""load_demo: an invented year of a real county, for looking around, tests and measuring."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from config.demo.county import ACCOUNTS
from config.demo.load import EARLIEST, load
from disputes.models import Dispute
from villages import models as villages


class Command(BaseCommand):
    help = "Fill an empty database with invented people and a year of invented cases in Tianzhu county."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--disputes", type=int, default=240, help="how many cases (default 240)")
        parser.add_argument("--seed", type=int, default=2026, help="another number, another county (default 2026)")
        parser.add_argument("--password", default="", help="of the demo accounts; without it a random one is printed")
        parser.add_argument("--today", type=dt.date.fromisoformat, default=None, help="the day on which the year ends")

    def handle(
        self, *args: Any, disputes: int, seed: int, password: str, today: dt.date | None = None, **options: Any
    ) -> None:
        day = today or villages.today()
        if Dispute.objects.exists():
            raise CommandError(_("数据库里已有案件，演示数据只能装进空库。换一个 DATABASE_URL 再装"))
        if villages.User.objects.exists():
            raise CommandError(_("数据库里已有人员账号，演示数据只能装进空库。换一个 DATABASE_URL 再装"))
        if day < EARLIEST:
            raise CommandError(_("--today 不能早于 %(day)s") % {"day": EARLIEST})
        if disputes < 0:
            raise CommandError(_("--disputes 不能小于 0"))
        chosen = password or secrets.token_urlsafe(12)
        load(disputes=disputes, seed=seed, password=chosen, today=day)
        self.stdout.write(_("演示数据已装好：%(n)d 件案件，人物、电话和案情都是编的") % {"n": Dispute.objects.count()})
        self.stdout.write(_("账号：%(names)s") % {"names": " ".join(ACCOUNTS)})
        if not password:
            self.stdout.write(_("密码：%(password)s（只显示这一次）") % {"password": chosen})
        if settings.POLICY_PROFILE == "demo":
            self.stdout.write(_("演示环境不要求首次登录改密码，也不要求第二种验证；正式环境要求"))
        else:
            self.stdout.write(_("演示账号不要求首次登录改密码。只用来看，不要在正式环境装"))
