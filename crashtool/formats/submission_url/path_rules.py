"""Rules about the path, the query and what must not follow them."""

from __future__ import annotations

import re

from crashtool.formats.redaction import redact_token
from crashtool.formats.submission_url.finding import ERROR, WARNING, PartlyFixedUrl, UrlFault
from crashtool.formats.submission_url.url_forms import FORMATS, HOSTED, find_form


def fragment(draft: PartlyFixedUrl) -> UrlFault | None:
    """No fragment."""
    parts = draft.parts
    if parts.fragment is None:
        return None
    whole = not any(sign in parts.fragment for sign in ("/", "?", "token="))
    return UrlFault(
        ERROR,
        f"The URL has a fragment (`#{redact_token(parts.fragment)[:40]}`).",
        draft.pick_sentence(
            windows="the handler appends ?guid=... to it, and WinHTTP cuts it all off",
            linux="the handler appends product, version and guid to it, and libcurl cuts "
            "it all off",
            macos="the handler appends product, version and guid to it, and NSURLSession "
            "cuts it all off",
            android="the socket transport sends it to the server as it is",
        ),
        parts._replace(fragment=None).text if whole else None,
    )


def ampersand_before_query(draft: PartlyFixedUrl) -> UrlFault | None:
    """Attributes begin with `?`."""
    parts = draft.parts
    path, ampersand, glued = parts.path.partition("&")
    if not ampersand:
        return None
    query = "&".join(piece for piece in (glued, parts.query) if piece)
    return UrlFault(
        ERROR,
        "The first attribute is glued to the path with `&`; it begins with `?`.",
        "The server takes it for a part of the path: the format is unknown to it (HTTP 503) and "
        "the attribute is lost.",
        parts._replace(path=path, query=query or None).text,
    )


def path_missing(draft: PartlyFixedUrl) -> UrlFault | None:
    """A path, at least `/`, before the `?`."""
    parts = draft.parts
    severity = draft.find_severity(windows=ERROR, android=ERROR, linux=WARNING, macos=WARNING)
    if parts.path or not parts.host or severity is None:
        return None
    consequence = draft.pick_sentence(
        windows="the handler appends ?guid=... to the URL, and WinHttpCrackUrl is documented to "
        "return wrong results for `https://host?...`: the query is lost or taken for the host",
        android="the socket transport refuses the URL (`no resource component`)",
        linux="libcurl puts the `/` in by itself, other transports do not",
        macos="NSURLSession puts the `/` in by itself, other transports do not",
    )
    path = "/post" if parts.parameter("token") else "/"
    return UrlFault(
        severity,
        "There is no `/` after the host.",
        consequence,
        parts._replace(path=path).text,
    )


def double_slash(draft: PartlyFixedUrl) -> UrlFault | None:
    """Single slashes in the path."""
    parts = draft.parts
    if "//" not in parts.path:
        return None
    mended = parts._replace(path=re.sub("/{2,}", "/", parts.path))
    hosted = find_form(mended) == HOSTED
    return UrlFault(
        ERROR if hosted else WARNING,
        "The path holds two slashes in a row.",
        "Universe, token and format are counted by slashes, so each is taken for its neighbour."
        if hosted
        else "Some servers and proxies take it for another path.",
        mended.text,
    )


def trailing_slash(draft: PartlyFixedUrl) -> UrlFault | None:
    """No slash after the format."""
    parts = draft.parts
    stem = parts.path.rstrip("/")
    last = stem.rpartition("/")[2].lower()
    if stem == parts.path or find_form(parts) is None or last not in (*FORMATS, "post"):
        return None
    return UrlFault(
        WARNING,
        f"There is a slash after `/{last}`.",
        "Backtrace's own SDKs count path pieces from the end and take the format for the token. "
        "Only a URL without any path needs a slash.",
        parts._replace(path=stem).text,
    )


def second_question_mark(draft: PartlyFixedUrl) -> UrlFault | None:
    """One `?`; further attributes follow with `&`."""
    query = draft.parts.query
    if query is None:
        return None
    mended = re.sub(r"\?+(?=[\w.;-]+=)", "&", query.lstrip("?"))
    if mended == query:
        return None
    return UrlFault(
        ERROR,
        "The query has a second `?` where an attribute begins.",
        "The attribute becomes a part of the value before it.",
        draft.parts._replace(query=mended).text,
    )


def empty_parameter(draft: PartlyFixedUrl) -> UrlFault | None:
    """Nothing empty between `?` and `&`."""
    query = draft.parts.query
    if query is None or all(query.split("&")):
        return None
    mended = "&".join(pair for pair in query.split("&") if pair) or None
    return UrlFault(
        WARNING,
        "The query has an empty place: a `?` or `&` with nothing after it.",
        "The handler appends its own parameters as they come: `?&guid=...`, which some servers "
        "refuse.",
        draft.parts._replace(query=mended).text,
    )
