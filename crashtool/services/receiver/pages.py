"""The inbox as text: pages for a browser, documents for a program.

Everything shown came from a client. The templates escape it, and put it in <bdi>, which keeps
writing-direction characters from disguising what stands around them.
"""

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from crashtool.formats.submission_url import redact_token
from crashtool.services.receiver.report import StoredReport

if TYPE_CHECKING:
    import jinja2

TOKEN_SHOWN = 6


class Pages:
    """The pages; `urls` are where reports can be sent."""

    def __init__(self, urls: list[str]) -> None:
        self._urls = urls
        self._templates = _load_templates()

    def inbox(self, reports: list[StoredReport], total: int) -> str:
        """The list, grouped by headline; the group with the newest report first."""
        groups: dict[str, list[StoredReport]] = {}
        for report in reversed(reports):
            groups.setdefault(_headline(report), []).append(report)
        return self._templates.get_template("inbox.html").render(
            groups=list(groups.items()), total=total, shown=len(reports), urls=self._urls
        )

    def report(self, report: StoredReport) -> str:
        """One report with its fields, its files and the text of its minidump."""
        return self._templates.get_template("report.html").render(
            report=report,
            headline=_headline(report),
            fields=list(_shown(report.fields).items()),
            query=list(_shown(report.query).items()),
        )

    def style(self) -> str:
        """The style sheet of all pages."""
        return self._templates.get_template("inbox.css").render()


def _load_templates() -> "jinja2.Environment":
    import jinja2

    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("crashtool.services.receiver"),
        autoescape=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    templates.filters["moment"] = _moment
    return templates


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _headline(report: StoredReport) -> str:
    if report.headline:
        return report.headline
    return "minidump" if report.minidump else report.format


def _shown(values: dict[str, str]) -> dict[str, str]:
    return {
        name: value[:TOKEN_SHOWN] + "…" if name == "token" else redact_token(value)
        for name, value in values.items()
    }


def download_name(name: str) -> str:
    """A file name that every system takes, whatever the client called the file."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[-100:].lstrip(".") or "file"


def report_document(report: StoredReport) -> dict[str, Any]:
    """A report for a program; tokens are masked."""
    return {
        "rxid": report.rxid,
        "object": f"{report.id:x}",
        "received": datetime.fromtimestamp(report.received, UTC).isoformat(),
        "format": report.format,
        "universe": report.universe,
        "client": report.client,
        "product": report.product,
        "version": report.version,
        "headline": report.headline,
        "notes": list(report.notes),
        "query": _shown(report.query),
        "fields": _shown(report.fields),
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
