"""The rule about addresses of Backtrace's web console, which are copied from a browser."""

from __future__ import annotations

from urllib.parse import unquote

from crashtool.formats.submission_url.finding import ERROR, PartlyFixedUrl, UrlFault
from crashtool.formats.submission_url.placeholders import is_placeholder
from crashtool.formats.submission_url.url_forms import (
    BACKTRACE_DOMAIN,
    HOSTED,
    HOSTED_NAME,
    find_form,
    is_token,
)
from crashtool.formats.submission_url.url_parts import UrlParts

TAKING_REPORTS = (HOSTED_NAME, "unreal.backtrace.io", "api.backtrace.io")
NO_UNIVERSE = ("www", "help", "support", "docs", "documentation", "get", "login", "console")
WEB_PORTS = (None, 443, 80)


def web_console(draft: PartlyFixedUrl) -> UrlFault | None:
    """An address for reports, not of a page: it cannot be turned into one."""
    parts = draft.parts
    if not _is_console(parts):
        return None
    first = parts.host.lower().removesuffix(BACKTRACE_DOMAIN).partition(".")[0]
    is_site = first in (*NO_UNIVERSE, BACKTRACE_DOMAIN[1:].partition(".")[0])
    universe = "UNIVERSE" if is_site or is_placeholder(first) else first
    return UrlFault(
        ERROR,
        "This is an address of Backtrace's web console: a page for people, which takes no reports.",
        f"Reports go to https://{HOSTED_NAME}/{universe}/TOKEN/minidump; TOKEN is a submission "
        "token from the project's settings.",
    )


def _is_console(parts: UrlParts) -> bool:
    host = parts.host.lower().rstrip(".")
    is_ours = host.endswith(BACKTRACE_DOMAIN) or host == BACKTRACE_DOMAIN[1:]
    if not is_ours or host in TAKING_REPORTS:
        return False
    if parts.port is not None and parts.port_number not in WEB_PORTS:
        return False
    form = find_form(parts)
    if form != HOSTED:
        return form is None
    pieces = [unquote(piece) for piece in parts.segments if piece]  # /p/PROJECT/symbols is a page
    return not any(is_token(piece) or is_placeholder(piece) for piece in pieces)
