"""The one scope rule: what a person's postings of today let them see, and at which desks they act."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from villages.models import (
    ADMIN_ROLES,
    DESK_ROLES,
    RESPONDER_ROLES,
    Area,
    Coverage,
    Office,
    Posting,
    Role,
    User,
    in_force,
)


@dataclass(frozen=True)
class Scope:
    """Areas whose cases may be read, desks at which moves may be made, and whether persons are masked.

    `villages`, `townships`, `counties` are Area ids; `desk_cases` are offices whose own desk alone is visible
    (mediators of a township committee); `desks` maps office id to the desk roles held there; `leads` are offices led,
    `responds` those for which whistles are answered.
    """

    roles: frozenset[str]
    villages: frozenset[int]
    townships: frozenset[int]
    counties: frozenset[int]
    desk_cases: frozenset[int]
    desks: dict[int, frozenset[str]]
    leads: frozenset[int]
    responds: frozenset[int]
    offices: tuple[Office, ...]

    @property
    def masked(self) -> bool:
        """Supervisors see 张*; whoever also works at a desk sees names there."""
        return not self.desks

    def has(self, *roles: str) -> bool:
        return not self.roles.isdisjoint(roles)

    @property
    def is_admin(self) -> bool:
        return self.has(*ADMIN_ROLES)

    def q(self, prefix: str = "") -> Q | None:
        """The condition on rows that carry county, township, village and desk; None when nothing is visible."""
        parts = []
        for field, ids in (
            ("county", self.counties),
            ("township", self.townships),
            ("village", self.villages),
            ("desk", self.desk_cases),
        ):
            # one id reads the composite index directly; several become IN
            if len(ids) == 1:
                parts.append(Q(**{f"{prefix}{field}_id": next(iter(ids))}))
            elif ids:
                parts.append(Q(**{f"{prefix}{field}_id__in": sorted(ids)}))
        if not parts:
            return None
        condition = parts[0]
        for part in parts[1:]:
            condition |= part
        return condition

    def cases(self, prefix: str = "") -> Q | None:
        """`q` on cases, or on what hangs on one: without those of a ledger import that is not released yet."""
        condition = self.q(prefix)
        return None if condition is None else condition & Q(**{f"{prefix}hidden": False})


def scope_of(user: User) -> Scope:
    """Read the postings in force today; two queries."""
    postings = list(
        Posting.objects.filter(in_force(), in_force(prefix="office__"), user_id=user.pk)
        .select_related("office__area")
        .order_by("pk")
    )
    areas: dict[int, list[Area]] = {}
    for row in Coverage.objects.filter(in_force(), office__in={p.office_id for p in postings}).select_related("area"):
        areas.setdefault(row.office_id, []).append(row.area)

    by_level: dict[int, set[int]] = {Area.Level.VILLAGE: set(), Area.Level.TOWNSHIP: set(), Area.Level.COUNTY: set()}
    desk_cases: set[int] = set()
    desks: dict[int, frozenset[str]] = {}
    leads: set[int] = set()
    for posting in postings:
        office = posting.office
        if posting.role in DESK_ROLES and office.tier:
            desks[office.pk] = desks.get(office.pk, frozenset()) | {posting.role}
            if posting.mark == Posting.Mark.LEAD:
                leads.add(office.pk)
        if posting.role == Role.MEDIATOR and office.kind != Office.Kind.VILLAGE:
            desk_cases.add(office.pk)
        elif posting.role in DESK_ROLES or posting.role == Role.SUPERVISOR:
            for area in areas.get(office.pk, []) or [office.area]:
                if area.level in by_level:
                    by_level[area.level].add(area.pk)
    return Scope(
        roles=frozenset(p.role for p in postings),
        villages=frozenset(by_level[Area.Level.VILLAGE]),
        townships=frozenset(by_level[Area.Level.TOWNSHIP]),
        counties=frozenset(by_level[Area.Level.COUNTY]),
        desk_cases=frozenset(desk_cases),
        desks=desks,
        leads=frozenset(leads),
        responds=frozenset(p.office_id for p in postings if p.role in RESPONDER_ROLES),
        offices=tuple({p.office_id: p.office for p in postings}.values()),
    )
