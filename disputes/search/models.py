"""The index of search: one row for each case, kept in the transaction that changes what it was made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models.lookups import Lookup


@dataclass(frozen=True)
class Tree:
    """Words that must all be met, each by one of its ways; a way is met when every group has one of its tokens."""

    words: tuple[tuple[tuple[tuple[str, ...], ...], ...], ...]


class WordsField(models.TextField):
    """Tokens of letters and digits with a blank between them, asked for by `__meets=Tree(…)`."""


@WordsField.register_lookup
class Meets(Lookup):
    """The rows whose tokens meet a Tree; by a GIN index on PostgreSQL, by FTS5 on SQLite (docs/adr/0015)."""

    lookup_name = "meets"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        if connection.vendor == "postgresql":
            lhs, params = self.process_lhs(compiler, connection)
            said, asked = _array(f"string_to_array({lhs}, ' ')", self.rhs)
            return said, [*params, *asked]
        key = f"{compiler.quote_name_unless_alias(self.lhs.alias)}.dispute_id"
        return f"{key} IN (SELECT rowid FROM disputes_search WHERE disputes_search MATCH %s)", [_match(self.rhs)]  # noqa: S608 - names of our own


def _array(array: str, tree: Tree) -> tuple[str, list[Any]]:
    asked: list[Any] = []

    def way(groups: tuple[tuple[str, ...], ...]) -> str:
        single = [group[0] for group in groups if len(group) == 1]
        said = []
        if single:
            said.append(f"{array} @> %s::text[]")
            asked.append(single)
        for group in groups:
            if len(group) > 1:
                said.append(f"{array} && %s::text[]")
                asked.append(list(group))
        return f"({' AND '.join(said)})"

    return " AND ".join(f"({' OR '.join(way(groups) for groups in word)})" for word in tree.words), asked


def _match(tree: Tree) -> str:
    def group(tokens: tuple[str, ...]) -> str:
        return "(" + " OR ".join(f'"{token}"' for token in tokens) + ")"

    ways = (" OR ".join("(" + " AND ".join(map(group, groups)) + ")" for groups in word) for word in tree.words)
    return " AND ".join(f"({way})" for way in ways)


class EntryQuerySet(models.QuerySet["SearchEntry"]):
    def store(self, rows: Iterable[SearchEntry]) -> None:
        """Write the rows, over those of the same cases."""
        fields = ["words", "full", "shown"]
        made: list[Any] = list(rows)
        self.bulk_create(made, batch_size=500, update_conflicts=True, unique_fields=["dispute"], update_fields=fields)


class SearchEntry(models.Model):
    """What finds one case. Personal data like the case itself: it goes when the case goes.

    Every token begins with the id of the township, so that a search inside one reads that township's tokens alone; the
    letter after it says who may find the case by it (disputes.search.index).
    """

    dispute = models.OneToOneField("disputes.Dispute", models.CASCADE, primary_key=True, related_name="search_entry")
    words = WordsField()
    full = models.TextField()  # names and story, for those who may read the names
    shown = models.TextField()  # the story as everybody in scope reads it, names masked

    objects = EntryQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.pk)


_PUT_UP = {
    "postgresql": [
        # A short pending list: searching reads it from end to end, and without one each case would cost a millisecond.
        """
        CREATE INDEX search_by_word ON disputes_searchentry USING gin (string_to_array(words, ' '))
        WITH (gin_pending_list_limit = 512)
        """,
    ],
    "sqlite": [
        """
        CREATE VIRTUAL TABLE disputes_search USING fts5(
            words, content='disputes_searchentry', content_rowid='dispute_id', tokenize='ascii', detail='none'
        )
        """,
        """
        CREATE TRIGGER search_entry_made AFTER INSERT ON disputes_searchentry
        BEGIN INSERT INTO disputes_search (rowid, words) VALUES (new.dispute_id, new.words); END
        """,
        """
        CREATE TRIGGER search_entry_gone AFTER DELETE ON disputes_searchentry
        BEGIN
            INSERT INTO disputes_search (disputes_search, rowid, words) VALUES ('delete', old.dispute_id, old.words);
        END
        """,
        """
        CREATE TRIGGER search_entry_changed AFTER UPDATE ON disputes_searchentry
        BEGIN
            INSERT INTO disputes_search (disputes_search, rowid, words) VALUES ('delete', old.dispute_id, old.words);
            INSERT INTO disputes_search (rowid, words) VALUES (new.dispute_id, new.words);
        END
        """,
    ],
}
_TAKE_DOWN = {
    "postgresql": ["DROP INDEX IF EXISTS search_by_word"],
    "sqlite": [
        *(f"DROP TRIGGER IF EXISTS search_entry_{what}" for what in ("made", "gone", "changed")),
        "DROP TABLE IF EXISTS disputes_search",
    ],
}


def put_up(connection: Any) -> None:
    """Index `words`. SQLite drops triggers when a migration rebuilds the table: such a migration ends with this."""
    _run(connection, _PUT_UP)


def take_down(connection: Any) -> None:
    """The way back."""
    _run(connection, _TAKE_DOWN)


def _run(connection: Any, statements: dict[str, list[str]]) -> None:
    with connection.cursor() as cursor:
        for statement in statements[connection.vendor]:
            cursor.execute(statement)
