"""The inbox as text: pages for a browser, documents for a program.

Everything shown came from a client. The templates escape it, and put it in <bdi>, which keeps
writing-direction characters from disguising what stands around them.
"""

from __future__ import annotations

import re
import time
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from crashtool.formats.moment import find_date, iso_text
from crashtool.formats.submission_url import redact_token
from crashtool.services.receiver.listing import InboxGroup, Query, ReportRow
from crashtool.services.receiver.received_report import StoredReport
from crashtool.services.receiver.related import RelatedGroup

if TYPE_CHECKING:
    import jinja2

TOKEN_SHOWN = 6
MAX_SHOWN_LENGTH, MAX_SHOWN = 4096, 1000  # characters of a value, and values, on a page
MAX_TOLD_LENGTH, MAX_TOLD = 1 << 16, 4 << 20  # characters of a value, and of all, for a program
BEYOND = 256  # characters; a token that is cut in two is no longer known as one
SYMBOLS = {
    "none": "no symbols",
    "incomplete": "symbols incomplete",
    "complete": "symbols complete",
}


class Pages:
    """The pages; `urls` are where reports can be sent, `symbol_server` is for debuggers."""

    def __init__(self, urls: list[str], symbol_server: str) -> None:
        self._urls = urls
        self._debuggers = list_debuggers(symbol_server)
        self._templates = _load_templates()

    def groups(
        self,
        groups: list[InboxGroup],
        query: Query,
        count: int,
        total: int,
        uploads: int,
        choices: tuple[list[str], list[str]],
    ) -> str:
        """The list, a row for each group; `count` reports of `total` fit the query.

        `uploads` are no reports, `choices` the products and versions to choose from.
        """
        products, versions = choices
        return self._render(
            "inbox.html",
            groups=groups,
            query=query,
            found=count,
            total=total,
            uploads=uploads,
            products=products,
            versions=versions,
            urls=self._urls,
            debuggers=self._debuggers,
        )

    def refusal(self, status: int, message: str) -> str:
        """Why a browser gets no page."""
        return self._render("refusal.html", status=status, message=message)

    def rows(
        self, rows: list[ReportRow], query: Query, count: int, related: list[RelatedGroup]
    ) -> str:
        """The reports of a query one by one; `count` fit it, on this page and on others.

        `related` are the groups that are like the query's.
        """
        following = rows[-1].id if len(rows) == query.limit else None
        return self._render(
            "rows.html",
            rows=rows,
            query=query,
            found=count,
            following=following,
            related=related,
        )

    def report(self, report: StoredReport, related: list[RelatedGroup]) -> str:
        """One report with its fields, its files and what its minidump says.

        `related` are the groups that are like its own.
        """
        return self._render(
            "report.html",
            report=report,
            related=related,
            headline=_headline(report),
            fields=_rows(report.fields),
            query=_rows(report.query),
        )

    def asset(self, name: str) -> str:
        """The style sheet or the script of all pages."""
        return self._render(name)

    def _render(self, template: str, **values: Any) -> str:
        return self._templates.get_template(template).render(values)


def list_debuggers(url: str) -> tuple[tuple[str, str], ...]:
    """(debugger, what to type there) for a symbol server, whose URL has its token in it if any."""
    root, _, token = url.partition("/symbols/")
    in_header = f"Authorization: Bearer {token}"
    settings = f"DEBUGINFOD_HEADERS_FILE=~/.debuginfod-token DEBUGINFOD_URLS={root}"
    by_header = (
        (
            "gdb, with the token in a header (elfutils 0.188 or later)",
            f"umask 077; echo '{in_header}' > ~/.debuginfod-token; export {settings}",
        ),
        ("curl", f"curl -H '{in_header}' -O {root}/buildid/BUILD_ID/debuginfo"),
    )
    return (
        ("gdb, in the shell before it", f"export DEBUGINFOD_URLS={url}"),
        ("gdb, in it", "set debuginfod enabled on"),
        ("lldb 18 or later", f"settings set plugin.symbol-locator.debuginfod.server-urls {url}"),
        ("WinDbg", rf".sympath+ srv*C:\symbols*{url}"),
        ("Visual Studio, Tools > Options > Debugging > Symbols", url),
        (
            "crashtool, on Linux's dumps",
            f"crashtool inspect --symbol-server debuginfod:{url} crash.dmp",
        ),
        ("crashtool, on Windows'", f"crashtool inspect --symbol-server symstore:{url} crash.dmp"),
        ("minidump-stackwalk", f"minidump-stackwalk --symbols-url {url}/ crash.dmp"),
        *(by_header if token else ()),
    )


def _load_templates() -> jinja2.Environment:
    import jinja2
    import markupsafe  # which jinja2 is built on

    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("crashtool.services.receiver"),
        autoescape=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    templates.filters["moment"] = _moment
    templates.filters["markup"] = lambda text: markupsafe.Markup(text or "")  # noqa: S704 (ours)
    templates.filters["kept"] = _keep_query
    templates.filters["url"] = lambda text: quote(text, safe="")
    templates.filters["symbols"] = lambda word: SYMBOLS.get(word, "")
    templates.filters["bytes"] = "{:,}".format
    return templates


def _moment(seconds: float) -> str:
    date = find_date(seconds)
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", date) if date else "a damaged time"


def _keep_query(query: Query) -> str:
    """What a link keeps of a query: `&q=…&product=…`."""
    kept = (
        ("q", query.text),
        ("format", query.format),
        ("product", query.product),
        ("version", query.version),
    )
    return "".join(f"&{name}={quote(value, safe='')}" for name, value in kept if value)


def _headline(report: StoredReport) -> str:
    if report.headline:
        return report.headline
    return "minidump" if report.minidump else report.format


def _rows(values: dict[str, str]) -> list[tuple[str, str]]:
    """Names and values for a page, of which no client makes a large one."""
    rows = [
        (_cut(name, MAX_SHOWN_LENGTH), _mask(name, value, MAX_SHOWN_LENGTH))
        for name, value in islice(values.items(), MAX_SHOWN)
    ]
    more = len(values) - len(rows)
    return rows + ([("…", f"and {more:,} more")] if more else [])


def _tell(values: dict[str, str]) -> dict[str, str]:
    """Names and values for a program; what is cut ends with the number of characters there were."""
    told, left = {}, MAX_TOLD
    for name, value in values.items():
        shown = _mask(name, value, min(MAX_TOLD_LENGTH, max(left, 0)))
        left -= len(shown)
        told[_cut(name, MAX_TOLD_LENGTH)] = shown
    return told


def _mask(name: str, value: str, most: int) -> str:
    if name == "token":
        return value[:TOKEN_SHOWN] + "…"
    if len(value) <= most:
        return redact_token(value)
    return f"{redact_token(value[: most + BEYOND])[:most]}… ({len(value):,} characters)"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def download_name(name: str) -> str:
    """A file name that every system takes, whatever the client called the file."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[-100:].lstrip(".") or "file"


def row_document(row: ReportRow) -> dict[str, Any]:
    """A report in a list for a program."""
    return row._asdict() | {
        "received": iso_text(row.received),
        "has_notes": bool(row.has_notes),
        "group": row.group,
        "url": f"/reports/{row.rxid}",
    }


def report_document(report: StoredReport) -> dict[str, Any]:
    """A report for a program; tokens are masked, and values of 65,536 characters cut."""
    return {
        "rxid": report.rxid,
        "object": f"{report.id:x}",
        "received": iso_text(report.received),
        "format": report.format,
        "universe": report.universe,
        "client": report.client,
        "product": report.product,
        "version": report.version,
        "headline": report.headline,
        "signature": report.signature,
        "symbols": report.symbols,
        "notes": list(report.notes),
        "query": _tell(report.query),
        "fields": _tell(report.fields),
        "files": [
            {
                "name": file.name,
                "filename": file.filename,
                "content_type": file.content_type,
                "size": file.size,
                "later": file.later,
                "url": f"/reports/{report.rxid}/files/{file.id}",
            }
            for file in report.files
        ],
    }
