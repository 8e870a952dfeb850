"""Lists of the reports in an inbox: the newest first, searched, and counted by group."""

from __future__ import annotations

import sqlite3

from crashtool.formats.named_tuple import NamedTuple

COLUMNS = """id, rxid, received, format, product, version, coalesce(headline, '') AS headline,
    signature, symbols, notes != '[]' AS has_notes,
    (SELECT coalesce(sum(size), 0) FROM files WHERE report = reports.id) AS size"""
GROUP = "coalesce(nullif(signature, ''), nullif(headline, ''), format)"
MAX_WORDS = 16
MAX_CHOICES = 200  # products, and versions, to choose from
UPLOADS = ("symbols", "proguard", "sourcemap")  # formats that are no reports


class ReportRow(NamedTuple):
    """A report as a list shows it. `group` is what it is grouped by; `size` that of all files."""

    id: int
    rxid: str
    received: float
    format: str
    product: str
    version: str
    headline: str
    signature: str
    symbols: str
    has_notes: bool
    size: int

    @property
    def group(self) -> str:
        """What reports of one crash have in common, as far as can be told."""
        return self.signature or self.headline or self.format


class InboxGroup(NamedTuple):
    """Reports of one group: how many, the first and the last of them, all their versions."""

    name: str
    total: int
    first: float
    newest: ReportRow
    versions: tuple[str, ...]


class Query(NamedTuple):
    """Which reports: all `text`'s words must occur, what else is given must be the same.

    Of these, those before the report number `before`, `limit` at most. Uploads of symbols and the
    like are among them only by their `format`, or with `uploads`.
    """

    text: str = ""
    group: str = ""
    format: str = ""
    product: str = ""
    version: str = ""
    uploads: bool = False
    before: int | None = None
    limit: int = 100


def list_reports(database: sqlite3.Connection, query: Query) -> list[ReportRow]:
    """The reports of a query, the newest first."""
    where, values = _conditions(query)
    rows = database.execute(
        f"SELECT {COLUMNS} FROM reports {where} ORDER BY id DESC LIMIT ?",  # noqa: S608 (our words)
        (*values, query.limit),
    )
    return [ReportRow(*row) for row in rows]


def list_groups(database: sqlite3.Connection, query: Query) -> list[InboxGroup]:
    """The groups of a query's reports, that with the newest report first."""
    where, values = _conditions(query)
    rows = database.execute(
        f"SELECT {GROUP}, count(*), min(received), max(id),"  # noqa: S608
        " substr(group_concat(DISTINCT version), 1, 500)"
        f" FROM reports {where} GROUP BY 1 ORDER BY 4 DESC LIMIT ?",
        (*values, query.limit),
    ).fetchall()
    groups = []
    for name, count, first, newest, versions in rows:
        row = database.execute(f"SELECT {COLUMNS} FROM reports WHERE id = ?", (newest,)).fetchone()  # noqa: S608
        shown = tuple(sorted(filter(None, (versions or "").split(","))))
        groups.append(InboxGroup(name, count, first, ReportRow(*row), shown))
    return groups


def count_reports(database: sqlite3.Connection, query: Query) -> int:
    """How many reports a query has."""
    where, values = _conditions(query)
    row = database.execute(f"SELECT count(*) FROM reports {where}", values).fetchone()  # noqa: S608
    return int(row[0])


def list_choices(database: sqlite3.Connection, product: str) -> tuple[list[str], list[str]]:
    """The products that there are reports of, and the versions of one of them, or of all."""
    products = database.execute(
        "SELECT DISTINCT product FROM reports WHERE product != '' ORDER BY 1 LIMIT ?",
        (MAX_CHOICES,),
    ).fetchall()
    versions = database.execute(
        "SELECT version FROM reports WHERE version != '' AND (product = ? OR ? = '')"
        " GROUP BY version ORDER BY max(id) DESC LIMIT ?",
        (product, product, MAX_CHOICES),
    ).fetchall()
    return [row[0] for row in products], [row[0] for row in versions]


def _conditions(query: Query) -> tuple[str, list[object]]:
    parts: list[str] = []
    values: list[object] = []
    for word in query.text.casefold().split()[:MAX_WORDS]:
        parts.append("(instr(words, ?) OR instr(found, ?))")
        values += [word, word]
    if query.group:
        parts.append(f"{GROUP} = ?")
        values.append(query.group)
    exact = (("format", query.format), ("product", query.product), ("version", query.version))
    for column, value in exact:
        if value:
            parts.append(f"{column} = ?")
            values.append(value)
    if not query.format and not query.uploads:
        parts.append(f"format NOT IN ({', '.join('?' * len(UPLOADS))})")
        values += UPLOADS
    if query.before is not None:
        parts.append("id < ?")
        values.append(query.before)
    return (f"WHERE {' AND '.join(parts)}" if parts else ""), values
