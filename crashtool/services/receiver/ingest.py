"""What a request means: the endpoint it is for, whether it may come in, and what is answered."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any

from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.receiver.body_decoder import Refusal
from crashtool.services.receiver.inbox import Inbox
from crashtool.services.receiver.incoming_report import IncomingReport
from crashtool.services.receiver.received_report import MINIDUMP_NAMES, StoredReport, has_magic

FORMATS = frozenset(
    {
        "btt",
        "json",
        "minidump",
        "plcrash",
        "proguard",
        "sourcemap",
        "symbols",
        "symbols-proguard",
    }
)
POST_PATHS = ("post", "api/post")
SYMBOL_FORMATS = ("symbols", "symbols-proguard", "proguard", "sourcemap")
FORBIDDEN = 403
HEX_TOKEN = re.compile(r"[0-9a-fA-F]{64}")

Pairs = list[tuple[str, str]]


class Endpoint(NamedTuple):
    """Where a request goes: what its path and query say; "" for what they do not."""

    universe: str
    token: str
    format: str
    is_post: bool

    @property
    def is_symbols(self) -> bool:
        """Whether the symbol token is the right one here."""
        return self.format in SYMBOL_FORMATS


class Tokens(NamedTuple):
    """The tokens that are let in; None lets everything in. Symbols have their own, if given."""

    submission: str | None = None
    symbols: str | None = None


def read_endpoint(path: str, query: Pairs) -> Endpoint:
    """The endpoint of any of Backtrace's URL forms, or of any other path a client may post to."""
    values = dict(query)
    parts = [part for part in path.split("/") if part]
    token, form = values.get("token", ""), values.get("format", "")
    is_post = "/".join(parts) in POST_PATHS
    universe = ""
    if not is_post and len(parts) >= 3:  # noqa: PLR2004 (universe, token, format)
        named = parts[-1] in FORMATS or HEX_TOKEN.fullmatch(parts[-2])
        if named:
            universe, token, form = parts[-3:]
    return Endpoint(universe, token, form, is_post)


def check_endpoint(endpoint: Endpoint, tokens: Tokens) -> None:
    """Refuse a wrong token or an unknown format as soon as the URL tells."""
    if endpoint.token:
        _check_token(endpoint, tokens)
    _check_format(endpoint)


def is_any(token: str, tokens: Tokens) -> bool:
    """Whether a token is one of those that are let in, whatever it is for."""
    return any(_same(token, wanted) for wanted in tokens if wanted)


def settle_endpoint(
    endpoint: Endpoint, draft: IncomingReport, tokens: Tokens
) -> tuple[Endpoint, list[str]]:
    """Complete an endpoint from the form's fields; also what Backtrace would have taken amiss.

    The root form of the URL carries token and format as annotations. With a token to check
    against, or at Backtrace's own /post, a missing format is refused as Backtrace does; elsewhere
    a minidump is taken for one, so that a handler can be tried with any URL.
    """
    fields = {name: value.decode("utf-8", "replace") for name, value in draft.fields}
    endpoint = endpoint._replace(
        token=endpoint.token or fields.get(b"token", ""),
        format=endpoint.format or fields.get(b"format", ""),
    )
    _check_token(endpoint, tokens)
    notes = [] if endpoint.token else ["no token: Backtrace answers 403"]
    if not endpoint.format:
        if tokens.submission or endpoint.is_post or not _has_minidump(draft):
            raise Refusal(503, "missing format")
        endpoint = endpoint._replace(format="minidump")
        notes.append("no format: Backtrace answers 503")
    _check_format(endpoint)
    return endpoint, notes


def check_draft(endpoint: Endpoint, draft: IncomingReport) -> list[str]:
    """Refuse a form without what its format needs; also notes on what will come of it."""
    if not draft.files and endpoint.format != "json":
        raise Refusal(400, f"no {endpoint.format} in the request")
    if endpoint.format != "minidump":
        return []
    dumps = [file for file in draft.files if file.name.decode("latin-1") in MINIDUMP_NAMES]
    if not dumps and not _has_minidump(draft):
        return ["no part called upload_file_minidump: Backtrace finds no minidump"]
    if dumps and not dumps[0].size:
        return ["the minidump is empty: Backtrace accepts it and cannot process it"]
    return [] if _has_minidump(draft) else ["not a minidump: Backtrace cannot process it"]


def is_synchronous(report: StoredReport) -> bool:
    """Whether the client waits for the outcome of processing."""
    return "_mod_sync" in report.query or "_mod_sync" in report.fields


def answer(inbox: Inbox, report: StoredReport) -> dict[str, Any]:
    """What Backtrace answers for a report it took.

    `_mod_sync` asks for the outcome of processing. The fingerprint here is that of the content,
    since the grouping rules are the server's own.
    """
    reply: dict[str, Any] = {"response": "ok", "_rxid": report.rxid}
    if not is_synchronous(report):
        return reply
    content = report.minidump or (report.files[0].path if report.files else None)
    digest = hashlib.sha256(report.rxid.encode()).hexdigest()
    if content:
        with content.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return reply | {
        "object": f"{report.id:x}",
        "fingerprint": digest,
        "unique": inbox.remember_fingerprint(report, digest),
    }


def answer_later(report: StoredReport) -> dict[str, Any]:
    """What Backtrace answers for an attachment to a report it has."""
    file = report.files[-1]
    return {
        "response": "ok",
        "_rxid": report.rxid,
        "attachment_name": file.filename,
        "attachment_id": f"{file.id:x}",
        "object": f"{report.id:x}",
    }


def error_body(status: int, message: str) -> dict[str, Any]:
    """Backtrace's error body."""
    return {"error": {"message": message, "code": status}}


def _check_token(endpoint: Endpoint, tokens: Tokens) -> None:
    symbols = endpoint.is_symbols
    wanted = (tokens.symbols or tokens.submission) if symbols else tokens.submission
    other = tokens.submission if symbols else tokens.symbols
    if wanted is None or _same(endpoint.token, wanted):
        return
    if other and _same(endpoint.token, other):
        kinds = ("submission", "symbol") if symbols else ("symbol", "submission")
        raise Refusal(
            FORBIDDEN, f"invalid token: a {kinds[0]} token where a {kinds[1]} token is needed"
        )
    raise Refusal(FORBIDDEN, "invalid token")


def _check_format(endpoint: Endpoint) -> None:
    if endpoint.format and endpoint.format not in FORMATS:
        raise Refusal(400, f"unknown format {endpoint.format[:40]}")


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode("utf-8", "replace"))


def _has_minidump(draft: IncomingReport) -> bool:
    name = MINIDUMP_NAMES[0].encode()
    return any(file.name == name or has_magic(file.path) for file in draft.files)
