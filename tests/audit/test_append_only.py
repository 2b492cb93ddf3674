import pytest
from django.db import DatabaseError, connection, transaction

from audit.models import AccessLog, ChainHead, record, verify

pytestmark = pytest.mark.django_db

WRITES = {
    "queryset update": lambda row: AccessLog.objects.filter(pk=row.pk).update(subject="x"),
    "save": lambda row: row.save(),
    "delete": lambda row: row.delete(),
    "queryset delete": lambda row: AccessLog.objects.all().delete(),
    "bulk_update": lambda row: AccessLog.objects.bulk_update([row], ["subject"]),
    "upsert": lambda row: AccessLog.objects.bulk_create(
        [row], update_conflicts=True, unique_fields=["id"], update_fields=["subject"]
    ),
}
STATEMENTS = [
    "UPDATE audit_accesslog SET subject = 'x'",
    "DELETE FROM audit_accesslog",
    "DELETE FROM audit_accesslog WHERE seq = 1",
]
ONLY = {
    "postgresql": ["TRUNCATE audit_accesslog", "TRUNCATE audit_accesslog CASCADE"],
    "sqlite": [
        "INSERT OR REPLACE INTO audit_accesslog SELECT * FROM audit_accesslog",
        "REPLACE INTO audit_accesslog SELECT * FROM audit_accesslog",
        "UPDATE OR REPLACE audit_accesslog SET seq = 1",
    ],
}


@pytest.fixture
def row():
    record(action="read", subject="1")
    return record(action="read", subject="2")


@pytest.mark.parametrize("name", WRITES)
def test_the_database_refuses_what_the_orm_tries(row, name):
    row.subject = "forged"
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        WRITES[name](row)
    assert list(AccessLog.objects.order_by("seq").values_list("subject", flat=True)) == ["1", "2"]
    assert verify() == []


@pytest.mark.parametrize("vendor, statement", [("", s) for s in STATEMENTS] + [(v, s) for v in ONLY for s in ONLY[v]])
def test_the_database_refuses_raw_sql(row, vendor, statement):
    if vendor not in ("", connection.vendor):
        pytest.skip(f"a statement of {vendor}")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AccessLog.objects.count() == 2
    assert verify() == []


def test_no_foreign_key_can_delete_a_row_along():
    for model in (AccessLog, ChainHead):
        assert not any(field.is_relation for field in model._meta.get_fields())
