"""What a person says about an old ledger: the file, then what its columns are."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from disputes.forms import PickField
from disputes.moves import Tier
from ledgers.imports import mapping
from ledgers.imports.models import ImportBatch
from ledgers.imports.reading import FORBIDDEN
from villages.models import Area, in_force


class UploadForm(forms.Form):
    """One file; what it holds is judged by its reader."""

    file = forms.FileField(
        label=_("旧台账文件"),
        allow_empty_file=True,
        error_messages={
            "required": _("选一个文件（xlsx、xls 或 csv）"),
            "invalid": _("选一个文件（xlsx、xls 或 csv）"),
        },
    )

    def clean_file(self) -> UploadedFile:
        return self.cleaned_data["file"]


class ColumnsForm(forms.Form):
    """What the whole file is, and per column of the file which of ours it is."""

    tier = PickField(
        label=_("这是哪一级的台账"),
        choices=Tier.choices,
        needed=_("选这是哪一级的台账"),
        help_text=_("没有写责任单位的行，放到这一级负责那个村的单位"),
    )
    year = forms.IntegerField(
        label=_("年份"),
        required=False,
        min_value=1980,
        max_value=2100,
        help_text=_("表里只写“3.5”的日期用这一年"),
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), _("年份写 1980 到 2100，如 2025")),
    )
    month = forms.IntegerField(
        label=_("月份"),
        required=False,
        min_value=1,
        max_value=12,
        help_text=_("表里只写“5日”的日期用这个月"),
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), _("月份写 1 到 12")),
    )
    village = PickField(label=_("没有写村的行属于"), help_text=_("每行都写了村的不用选"))

    def __init__(self, data: Any = None, *, batch: ImportBatch, **options: Any) -> None:
        initial: dict[str, Any] = {"tier": batch.tier, "year": batch.year, "month": batch.month}
        initial["village"] = batch.village.code if batch.village else ""
        self.batch = batch
        initial |= {f"c{n}": target for n, target in enumerate(batch.mapping.values())}
        super().__init__(data, initial=initial, **options)
        areas = villages_for(batch)
        self.fields["village"].choices = [("", _("不指定")), *((area.code, area.full_name) for area in areas)]  # type: ignore[attr-defined]
        self.areas = {area.code: area for area in areas}
        choices = [("", _("不要这一列")), *((target.key, target.label) for target in mapping.TARGETS)]
        never = [("", _("不收这一列"))]
        for n, label in enumerate(batch.mapping):
            self.fields[f"c{n}"] = PickField(label=label, choices=never if FORBIDDEN.fullmatch(label) else choices)

    def columns(self) -> dict[str, str]:
        return {label: self.cleaned_data[f"c{n}"] for n, label in enumerate(self.batch.mapping)}

    def told(self) -> dict[str, Any]:
        sent = self.cleaned_data
        village = self.areas.get(sent["village"])
        return {"tier": int(sent["tier"]), "year": sent["year"], "month": sent["month"], "village": village}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            sentence = mapping.problem_of(self.columns())
            if sentence:
                raise forms.ValidationError(sentence)
        return cleaned


def villages_for(batch: ImportBatch) -> list[Area]:
    """The villages of the author's scope, in the county of the import."""
    scope = batch.by.scope
    rows = Area.objects.filter(in_force(), level=Area.Level.VILLAGE, parent__parent=batch.county)
    return [
        area for area in rows.select_related("parent")
        if area.pk in scope.villages or area.parent_id in scope.townships or batch.county_id in scope.counties
    ]  # fmt: skip
