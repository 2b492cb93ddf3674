"""The desks that follow from the divisions alone: village committees and township centres.

Police rooms do not: which villages share a room is the county's decision.
"""

from __future__ import annotations

from django.db import transaction

from villages.models import Area, Coverage, Office, in_force


def ensure_desks(county: Area) -> int:
    """Create the missing village committees and township centres below `county`; returns how many were missing."""
    townships = Area.objects.filter(in_force(), parent=county, level=Area.Level.TOWNSHIP, served=True)
    villages = Area.objects.filter(
        in_force(), parent__in=townships, level=Area.Level.VILLAGE, served=True
    ).select_related("parent")
    made = 0
    with transaction.atomic():
        for area in townships:
            made += _ensure(area, Office.Kind.CENTRE, f"{area.code[:9]}-C", f"{area.short_name}综治中心")
        for area in villages:
            made += _ensure(area, Office.Kind.VILLAGE, f"{area.code}-V", area.name)
    return made


def _ensure(area: Area, kind: Office.Kind, code: str, name: str) -> bool:
    if Coverage.objects.filter(in_force(), in_force(prefix="office__"), area=area, office__kind=kind).exists():
        return False
    office, made = Office.objects.get_or_create(code=code, defaults={"kind": kind, "name": name, "area": area})
    Coverage.objects.create(office=office, area=area)
    return made
