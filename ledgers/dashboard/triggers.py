"""The database's own note of what changed: no door can forget it, and it commits with the change.

Every door writes the case's row or an event of it; visits are also planned behind events, and a holiday moves the
working days of everything. Migration 0005 puts the triggers up. SQLite drops the triggers of a table that a migration
rebuilds: a later migration that alters one of these ends with `RunPython(put_up, take_down)` again;
tests/ledgers/test_sums.py would notice.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

UNIT = "county_id, township_id, village_id"
#: Table → what its trigger notes; {row} is NEW or OLD. No other table is named, so that each can be rebuilt alone.
NOTES = {
    "disputes_dispute": f"({UNIT}) VALUES ({{row}}.county_id, {{row}}.township_id, {{row}}.village_id)",
    "disputes_event": "(dispute_id) VALUES ({row}.dispute_id)",
    "followups_returnvisit": "(dispute_id) VALUES ({row}.dispute_id)",
    "villages_specialday": "(dispute_id) VALUES (NULL)",
}
ROW = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}


def names() -> list[tuple[str, str, str]]:
    """Name, table and event of every trigger."""
    return [(f"counts_{table}_{event.lower()}", table, event) for table in NOTES for event in ROW]


def put_up(connection: BaseDatabaseWrapper) -> None:
    """Note every change from here on; what there is already counts as changed."""
    take_down(connection)
    with connection.cursor() as cursor:
        for name, table, event in names():
            note = f"INSERT INTO ledgers_touched {NOTES[table].format(row=ROW[event])}"
            if connection.vendor == "postgresql":
                cursor.execute(
                    f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {note}; RETURN NULL; END $$"
                )
                cursor.execute(f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
            else:
                cursor.execute(f"CREATE TRIGGER {name} AFTER {event} ON {table} BEGIN {note}; END")
        # one note for each unit that there is
        cursor.execute(
            f"INSERT INTO ledgers_touched ({UNIT}) SELECT DISTINCT {UNIT} FROM disputes_dispute"  # noqa: S608 - our names
        )


def take_down(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        for name, table, _event in names():
            if connection.vendor == "postgresql":
                cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
                cursor.execute(f"DROP FUNCTION IF EXISTS {name}()")
            else:
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
