"""The frame of the import commands: read the file, print the report, or say in sentences why not (exit code 1)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from villages.importing import BadFile, Report


class ImportCommand(BaseCommand):
    """A command that takes one CSV file; subclasses say what is done with its bytes."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise CommandError(_("读不了 %(file)s：%(why)s") % {"file": file, "why": error.strerror}) from None
        try:
            report = self.take(content)
        except BadFile as refused:
            for sentence in refused.problems:
                self.stderr.write(sentence)
            raise CommandError(_("文件有 %(n)d 处问题，什么都没有写入") % {"n": len(refused.problems)}) from None
        for sentence in report.lines():
            self.stdout.write(sentence)

    def take(self, content: bytes) -> Report:
        raise NotImplementedError
