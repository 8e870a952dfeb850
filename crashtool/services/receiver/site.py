"""What a browser or a program may ask of the inbox: pages, lists, files, as plain values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.symbol_request import SECTION, SOURCE, SymbolRequest, parse_symbol_request
from crashtool.services.receiver.export import MAX_ROWS as MAX_EXPORTED
from crashtool.services.receiver.export import write_groups, write_reports
from crashtool.services.receiver.guard import UNAUTHORIZED, Guard
from crashtool.services.receiver.inbox import Inbox
from crashtool.services.receiver.ingest import error_body, read_endpoint
from crashtool.services.receiver.listing import InboxGroup, Query, ReportRow
from crashtool.services.receiver.openapi import describe_api
from crashtool.services.receiver.pages import Pages, download_name, report_document, row_document
from crashtool.services.receiver.symbol_index import SymbolIndex

if TYPE_CHECKING:
    from crashtool.services.receiver.upstream import Upstream

OWN_PATHS = (
    "/api/reports",
    "/api/groups",
    "/api/events",
    "/api/openapi.json",
    "/reports/",
    "/inbox.",
    "/report.",
    "/delete-group",
    "/api/related",
    "/export/",
)
MAX_NUMBER_SIZE = (1 << 63) - 1  # of SQLite
MAX_ROWS = 1000
DEFAULT_ROWS = 100
MAX_TEXT = 1000  # characters of a search
CSV = "text/csv; charset=utf-8"
HTML, JSON, TEXT = "text/html; charset=utf-8", "application/json", "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with none a form of ours has no origin either
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}

SYMBOL_HEADERS = {"cache-control": "private, no-cache"}  # kept, and asked for again by its ETag


class PageReply(NamedTuple):
    """An answer: text of a media type, or a `file` to download under `filename`.

    Of a file, `part` is (offset, size) where not all of it is the answer.
    """

    status: int
    text: str = ""
    media_type: str = JSON
    headers: Mapping[str, str] = {}
    file: Path | None = None
    filename: str = ""
    part: tuple[int, int] | None = None


def is_own(path: str) -> bool:
    """Whether a path is one of the inbox's own, where nothing can be sent to."""
    return path.startswith(OWN_PATHS)


class Site:
    """Answers to who `guard` lets in.

    `urls` are where reports can be sent; debuggers get `symbols` from `symbol_server`.
    """

    def __init__(
        self,
        inbox: Inbox,
        urls: list[str],
        guard: Guard,
        *,
        style: str = "",
        symbols: SymbolIndex | None = None,
        symbol_server: str = "",
        upstream: Upstream | None = None,
    ) -> None:
        self._inbox = inbox
        self._symbols = symbols
        self._upstream = upstream
        self._guard = guard
        self._pages = Pages(urls, symbol_server)
        self._style = style

    def deny(self, headers: Mapping[str, str], token: str = "") -> PageReply | None:
        """Why a request gets nothing, as an answer; None when it may read."""
        denial = self._guard.deny_reading(headers, token)
        if denial is None:
            return None
        reply = _json(denial.status, error_body(*denial))
        if denial.status != UNAUTHORIZED:
            return reply
        challenge = {"www-authenticate": 'Basic realm="crashtool inbox: token as password"'}
        return reply._replace(headers=challenge)

    def inbox(self, values: Mapping[str, str]) -> PageReply:
        """The list of groups, or of one group's reports."""
        query = _parse_query(values)
        if isinstance(query, PageReply):
            return query
        total = self._inbox.count(Query())
        count = self._inbox.count(query._replace(before=None))
        if query.group or query.format or query.before is not None:
            related = self._inbox.related(query.group) if query.group else []
            page = self._pages.rows(self._inbox.rows(query), query, count, related)
        else:
            uploads = self._inbox.count() - total
            choices = self._inbox.choices(query.product)
            groups = self._inbox.groups(query)
            page = self._pages.groups(groups, query, count, total, uploads, choices)
        return PageReply(200, page, HTML)

    def report(self, rxid: str) -> PageReply:
        """One report."""
        report = self._inbox.find(rxid)
        if report is None:
            return self.nothing()
        related = self._inbox.related(report.signature) if report.signature else []
        return PageReply(200, self._pages.report(report, related), HTML)

    def file(self, rxid: str, number: int) -> PageReply:
        """One file of a report, never as anything that a browser would open."""
        report = self._inbox.find(rxid)
        file = next((file for file in report.files if file.id == number), None) if report else None
        if file is None:
            return self.nothing()
        name = download_name(file.filename or file.name)
        return PageReply(200, media_type="application/octet-stream", file=file.path, filename=name)

    def symbol_file(self, path: str, headers: Mapping[str, str]) -> PageReply | None:
        """A file that a debugger asks a symbol server for; None when the path is no such question.

        `path` is without the slash at its front; `symbols/TOKEN/` may stand before it.
        """
        token, rest = _split_token(path)
        request = parse_symbol_request(rest)
        if request is None:
            return None
        if denied := self.deny(headers, token):
            return denied
        if request.role == SECTION:
            return self._section(request)
        file, is_certain = self._symbols.find(request) if self._symbols else None, True
        if file is None and self._upstream:
            file, is_certain = self._upstream.find(request, rest)
        if not is_certain:  # a client believes a 404 for minutes
            message = "an upstream symbol server does not answer"
            return _json(502, error_body(502, message))._replace(headers={"retry-after": "30"})
        if file is None:
            return _json(404, error_body(404, "not found: these symbols have not been uploaded"))
        kind = TEXT if request.role == SOURCE else BYTES
        return _give_symbols(file, kind)

    def _section(self, request: SymbolRequest) -> PageReply:
        section_file = self._symbols.find_part(request) if self._symbols else None
        if section_file is None:
            return _json(404, error_body(404, "not found: no file that is here has this section"))
        part = (section_file.offset, section_file.size)
        return _give_symbols(section_file.path, BYTES)._replace(
            part=part, headers={**SYMBOL_HEADERS, "x-debuginfod-size": str(section_file.size)}
        )

    def api_reports(self, values: Mapping[str, str]) -> PageReply:
        """Reports as one JSON document, the newest first; `next` leads on."""
        query = _parse_query(values)
        if isinstance(query, PageReply):
            return query
        rows = self._inbox.rows(query)
        document: dict[str, Any] = {
            "total": self._inbox.count(query._replace(before=None)),
            "reports": [row_document(row) for row in rows],
            "next": rows[-1].id if len(rows) == query.limit else None,
        }
        return _json(200, document)

    def api_groups(self, values: Mapping[str, str]) -> PageReply:
        """Groups as one JSON document, the one with the newest report first."""
        query = _parse_query(values)
        if isinstance(query, PageReply):
            return query
        return PageReply(200, _tell_groups(self._inbox.groups(query)))

    def export(self, name: str, values: Mapping[str, str]) -> PageReply:
        """All groups or reports of a query as a file: groups.csv, groups.json and so on."""
        query = _parse_query(values)
        what, _, kind = name.partition(".")
        if what not in ("groups", "reports") or kind not in ("csv", "json"):
            return self.nothing()
        if isinstance(query, PageReply):
            return query
        query = query._replace(before=None, limit=MAX_EXPORTED)
        if what == "groups":
            groups = self._inbox.groups(query)
            text = write_groups(groups) if kind == "csv" else _tell_groups(groups)
        else:
            rows = self._inbox.rows(query)
            text = write_reports(rows) if kind == "csv" else _tell_reports(rows)
        told = {"content-disposition": f'attachment; filename="{what}.{kind}"'}
        return PageReply(200, text, CSV if kind == "csv" else JSON, told)

    def api_related(self, values: Mapping[str, str]) -> PageReply:
        """The groups that are like one."""
        groups = self._inbox.related(values.get("group", ""))
        return _json(200, {"related": [group._asdict() for group in groups]})

    def api_report(self, rxid: str) -> PageReply:
        """One report as a JSON document."""
        report = self._inbox.find(rxid)
        return self.nothing() if report is None else _json(200, report_document(report))

    def deny_changing(self, headers: Mapping[str, str]) -> PageReply | None:
        """Why a request changes nothing: a page of another site, or no token."""
        denial = self._guard.deny_sending(headers)
        return _json(denial.status, error_body(*denial)) if denial else self.deny(headers)

    def delete(self, rxid: str) -> PageReply:
        """Delete one report, as its page asks."""
        report = self._inbox.find(rxid)
        if report is None:
            return self.nothing()
        self._inbox.delete([report.rxid])
        where = f"/?group={quote(report.signature, safe='')}" if report.signature else "/"
        left = report.signature and self._inbox.count(Query(group=report.signature))
        return PageReply(303, headers={"location": where if left else "/"})

    def delete_group(self, values: Mapping[str, str]) -> PageReply:
        """Delete the reports of a query that names a group, as the list of them asks."""
        query = _parse_query(values)
        if isinstance(query, PageReply):
            return query
        if not query.group:
            return _json(400, error_body(400, "group must name the reports to delete"))
        rows = self._inbox.rows(query._replace(before=None, limit=-1))
        self._inbox.delete(row.rxid for row in rows)
        return PageReply(303, headers={"location": "/"})

    def api_delete(self, rxid: str) -> PageReply:
        """Delete one report, for a program."""
        report = self._inbox.find(rxid)
        if report is None:
            return self.nothing()
        return _json(200, {"deleted": self._inbox.delete([report.rxid])})

    def show(self, reply: PageReply, headers: Mapping[str, str]) -> PageReply:
        """A refusal as a page for who looks with a browser; programs get it as it is."""
        accepts_pages = "text/html" in headers.get("accept", "")
        if reply.status < 400 or reply.media_type != JSON or not accepts_pages:  # noqa: PLR2004
            return reply
        message = json.loads(reply.text)["error"]["message"]
        return reply._replace(text=self._pages.refusal(reply.status, message), media_type=HTML)

    def openapi(self) -> PageReply:
        """The description of all this for programs."""
        return _json(200, describe_api())

    def style(self) -> PageReply:
        """The style sheet."""
        return PageReply(200, self._pages.asset("inbox.css"), "text/css; charset=utf-8")

    def report_style(self) -> PageReply:
        """The style sheet of what is read from minidumps."""
        return PageReply(200, self._style, "text/css; charset=utf-8")

    def busy(self) -> PageReply:
        """The answer to one listener too many."""
        return _json(503, error_body(503, "too many listen already"))

    def script(self) -> PageReply:
        """The script."""
        return PageReply(200, self._pages.asset("inbox.js"), "text/javascript; charset=utf-8")

    def nothing(self, method: str = "GET", path: str = "") -> PageReply:
        """The answer to everything else: Backtrace's endpoints want a POST."""
        endpoint = read_endpoint(path, [])
        if method not in ("GET", "HEAD") or endpoint.is_post or endpoint.format:
            allowed = "GET, HEAD" if is_own(path) else "GET, HEAD, POST" if path == "/" else "POST"
            if path.startswith("/api/reports/"):
                allowed = "GET, HEAD, DELETE"
            refused = _json(405, error_body(405, "not allowed: reports are sent with POST"))
            return refused._replace(headers={"allow": allowed})
        return _json(404, error_body(404, "not found: reports are sent with POST"))


def _give_symbols(path: Path, kind: str) -> PageReply:
    told = {
        **SYMBOL_HEADERS,
        "x-debuginfod-size": str(path.stat().st_size),
        "x-debuginfod-file": quote(path.name),
    }
    return PageReply(200, media_type=kind, headers=told, file=path)


def _split_token(path: str) -> tuple[str, str]:
    """The token of `symbols/TOKEN/REST`, "" without one, and the rest."""
    parts = path.split("/", 2)
    if len(parts) == 3 and parts[0] == "symbols":  # noqa: PLR2004
        return parts[1], parts[2]
    return "", path


def _parse_query(values: Mapping[str, str]) -> Query | PageReply:
    """A query, or what is wrong with it."""
    limit, before = values.get("limit", str(DEFAULT_ROWS)), values.get("before")
    if not _is_number(limit) or not 1 <= int(limit) <= MAX_ROWS:
        return _json(400, error_body(400, f"limit must be a number from 1 to {MAX_ROWS}"))
    if before is not None and not (_is_number(before) and int(before) <= MAX_NUMBER_SIZE):
        return _json(400, error_body(400, "before must be the number of a report"))
    for name in ("q", "product", "version"):
        if len(values.get(name, "")) > MAX_TEXT:
            told = f"{name} must be a text of at most {MAX_TEXT} characters"
            return _json(400, error_body(400, told))
    return Query(
        text=values.get("q", ""),
        group=values.get("group", ""),
        format=values.get("format", ""),
        product=values.get("product", ""),
        version=values.get("version", ""),
        before=int(before) if before is not None else None,
        limit=int(limit),
    )


def _tell_groups(groups: list[InboxGroup]) -> str:
    rows = [
        {
            "group": group.name,
            "count": group.total,
            "first": group.first,
            "versions": list(group.versions),
            "newest": row_document(group.newest),
        }
        for group in groups
    ]
    return json.dumps({"groups": rows})


def _tell_reports(rows: list[ReportRow]) -> str:
    return json.dumps({"reports": [row_document(row) for row in rows]})


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20  # noqa: PLR2004 (64 bits)


def _json(status: int, document: dict[str, Any]) -> PageReply:
    return PageReply(status, json.dumps(document))
