"""Forms of papers: what is asked for one paper, why one is voided, where a file stands, a new template."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from disputes.forms import Form, PickField, text_field
from disputes.papers.kinds import ROWS, Kind

ONE_LINE, MANY_LINES = 200, 20000


class PaperForm(Form):
    """What only a person can say for one paper; what is missing is told by the paper itself, all at once."""

    submission = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, kind: Kind, **kwargs: Any) -> None:
        kwargs["initial"] = {"submission": uuid.uuid4(), **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)
        self.kind = kind
        for ask in kind.asks:
            self.fields[ask.key] = text_field(
                ask.label, limit=MANY_LINES if ask.lines else ONE_LINE, lines=ask.lines, rows=4, help_text=ask.help
            )

    def asked(self) -> dict[str, str]:
        return {ask.key: self.cleaned_data.get(ask.key) or "" for ask in self.kind.asks}


class VoidForm(Form):
    """Why a number is void."""

    reason = text_field(_("作废理由"), limit=200, lines=True, rows=2, needed=_("写明作废的理由"))


class FilingForm(Form):
    """The place of one file in the dossier."""

    row = PickField(
        label=_("卷内位置"), choices=[("", _("不入卷")), *((str(n), name) for n, (name, _star) in ROWS.items())]
    )


class ScanForm(Form):
    """The scan of a signed original."""

    scan = forms.FileField(label=_("签名原件扫描"), error_messages={"required": _("选扫描件（pdf 或照片）")})


class TemplateForm(Form):
    """A new version of a template."""

    file = forms.FileField(label=_("模板文件"), help_text=_("docx，最多 2 MB"), error_messages={
        "required": _("选模板文件（docx）"), "empty": _("文件是空的，重新选一个"),
    })  # fmt: skip
    note = text_field(_("说明"), limit=200, help_text=_("改了什么"))
