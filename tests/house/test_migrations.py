"""The tables follow the models, and every migration goes back and forth on data (T-33)."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from audit.models import AccessLog, record, verify
from disputes.models import Dispute, Party
from followups.models import Handled, ReturnVisit
from followups.reactions import react
from tests.factories import NOW, settled, world
from tests.house.tree import ROOMS
from villages.models import Area, User


@pytest.mark.django_db
def test_no_model_is_ahead_of_its_migrations() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


#: Everything in the schema that has a name, with what it says.
NAMED = {
    "sqlite": "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'",
    "postgresql": """
        SELECT 'column', table_name || '.' || column_name, data_type || is_nullable
          FROM information_schema.columns WHERE table_schema = 'public'
        UNION SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint
          WHERE connamespace = 'public'::regnamespace
        UNION SELECT 'trigger', tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
    """,
}


def schema() -> set[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(NAMED[connection.vendor])
        return set(cursor.fetchall())


def tables() -> set[str]:
    return set(connection.introspection.table_names())


def migrate(room: str, name: str) -> None:
    call_command("migrate", room, name, verbosity=0)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_parties_from_before_the_name_keys_get_theirs() -> None:
    case = settled(world())
    written = list(Party.objects.order_by("pk").values_list("name", "name_front", "name_back"))
    try:
        migrate("disputes", "0002_party_by_name")
    finally:
        call_command("migrate", verbosity=0)
    assert list(Party.objects.order_by("pk").values_list("name", "name_front", "name_back")) == written
    assert written[0] == ("马文林", f"{case.village_id}:ma wen", f"{case.village_id}:ma lin")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_every_migration_goes_back_and_forth_on_data() -> None:
    """Room by room from the top: what stands below keeps its rows, and at the end the same schema stands again."""
    case = settled(world())
    before = schema()
    planned = list(ReturnVisit.objects.order_by("pk").values_list("party", "due_on", "reason"))
    assert planned
    try:
        # A reaction is derived from its event: the room that was taken away and put back catches up by itself.
        migrate("followups", "zero")
        assert "followups_returnvisit" not in tables() and Dispute.objects.count() == 1
        call_command("migrate", verbosity=0)
        assert not Handled.objects.exists()
        for event in case.events.order_by("pk"):
            react(event.pk)
        assert planned == list(ReturnVisit.objects.order_by("pk").values_list("party", "due_on", "reason"))

        for room in ("followups", "disputes"):
            migrate(room, "zero")
        assert (Area.objects.count(), User.objects.filter(username="assistant").count()) == (9, 1)
        migrate("villages", "zero")
        left = {model._meta.app_label for model in apps.get_models() if model._meta.db_table in tables()}
        assert left & set(ROOMS) == {"audit"}
        assert AccessLog.objects.exists() and verify() == []
        migrate("audit", "zero")
        assert "audit_accesslog" not in tables()
    finally:
        call_command("migrate", verbosity=0)
    assert schema() == before
    record(action="login", at=NOW)
    with pytest.raises(DatabaseError), transaction.atomic():
        AccessLog.objects.all().delete()
