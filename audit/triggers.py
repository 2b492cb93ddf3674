"""The database's own refusal to change or delete a row of the access log (ASVS V16.4.2).

Migration 0001 puts it up. SQLite drops a table's triggers whenever a migration rebuilds the table: a later migration
that alters AccessLog ends with `RunPython(protect, unprotect)` again; tests/audit/test_append_only.py would notice.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "audit_accesslog"

_PROTECT = {
    "postgresql": [
        """
        CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$
        """,
        f"""
        CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {TABLE}
        FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()
        """,
    ],
    # INSERT OR REPLACE deletes too, and fires the second trigger because the settings turn recursive_triggers on.
    "sqlite": [
        f"""
        CREATE TRIGGER audit_append_only_{event} BEFORE {event} ON {TABLE}
        BEGIN SELECT RAISE(ABORT, '{TABLE} is append-only'); END
        """
        for event in ("UPDATE", "DELETE")
    ],
}
_UNPROTECT = {
    "postgresql": [f"DROP TRIGGER IF EXISTS audit_append_only ON {TABLE}", "DROP FUNCTION IF EXISTS audit_refuse()"],
    "sqlite": [f"DROP TRIGGER IF EXISTS audit_append_only_{event}" for event in ("UPDATE", "DELETE")],
}


def protect(connection: BaseDatabaseWrapper) -> None:
    """From here on the database refuses UPDATE, DELETE and TRUNCATE of the access log."""
    _run(connection, _PROTECT)


def unprotect(connection: BaseDatabaseWrapper) -> None:
    """The way back of the migration; tests use it to flush and to tamper. Nothing else may."""
    _run(connection, _UNPROTECT)


def _run(connection: BaseDatabaseWrapper, statements: dict[str, list[str]]) -> None:
    with connection.cursor() as cursor:
        for statement in statements[connection.vendor]:
            cursor.execute(statement)
