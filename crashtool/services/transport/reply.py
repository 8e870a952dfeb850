"""What a receiver's answer means: accepted, or which class of no."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from crashtool.errors import CrashtoolError, NetworkFailure, Refused, Rejected
from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.transport.http import HttpResponse

OK = 200
TEMPORARY = (429, 502, 503, 504)  # worth another try
REFUSALS = (401, 403)
PERMANENT_503 = ("subdomain", "missing format", "invalid format")
SHOWN = 300  # characters of a reply that are repeated in a message


class Reply(NamedTuple):
    """An accepted submission. `rxid` is None when the receiver named none.

    `object`, `fingerprint` and `unique` come with a synchronous submission only; `body` is the
    whole JSON document.
    """

    rxid: str | None
    object: str | None
    fingerprint: str | None
    unique: bool | None
    body: dict[str, Any]


def read_reply(response: HttpResponse) -> Reply:
    """The receipt in a reply; raises Refused, Rejected or NetworkFailure by what it says instead.

    Accepted is status 200 with a JSON object whose `response` is `ok` and that has no `error`:
    Backtrace also reports errors with status 200, and Crashpad on Linux takes no status but 200.
    """
    if response.status != OK:
        raise explain_status(response)
    body = _json_object(response)
    if body is None:
        raise Rejected(
            f"the answer was status 200 but not Backtrace's: {_shown(response)}",
            hint='only {"response": "ok"} proves that a report was taken; is this URL a web page, '
            "a proxy's log-in or another kind of crash server?",
        )
    if "error" in body or body.get("response") != "ok":
        raise _explain_error(body, response)
    return Reply(
        _text(body.get("_rxid")),
        _text(body.get("object")),
        _text(body.get("fingerprint")),
        body["unique"] if isinstance(body.get("unique"), bool) else None,
        body,
    )


def is_temporary(response: HttpResponse) -> bool:
    """Whether the same request may succeed later; Backtrace's 503 is often for good."""
    if response.status == 503:  # noqa: PLR2004 (Service Unavailable)
        text = response.text.lower()
        return not any(words in text for words in PERMANENT_503)
    return response.status in TEMPORARY


def explain_status(response: HttpResponse) -> CrashtoolError:
    """The error that a status other than 200 is."""
    status = response.status
    said = f": {_shown(response)}" if response.body else ""
    if status in REFUSALS:
        return Refused(
            f"the server refused the token (HTTP {status}){said}",
            hint="submission tokens and symbol tokens are different things; check which kind this "
            "one is, and that it belongs to this project",
        )
    if 300 <= status < 400:  # noqa: PLR2004 (redirections)
        return Rejected(
            f"the server redirects to {_redirect_host(response)} (HTTP {status}); not followed",
            hint="a redirect would carry the token to another place; if that host is right, "
            "put it into the URL",
        )
    if status == 429:  # noqa: PLR2004 (Too Many Requests)
        return Rejected(
            f"the server's limit for reports is reached (HTTP 429){said}",
            hint="send again later; a monthly limit lasts until the month ends",
        )
    if 500 <= status < 600:  # noqa: PLR2004 (server errors)
        return _explain_server_error(response, said)
    if 200 < status < 300:  # noqa: PLR2004 (other successes)
        return Rejected(
            f"the answer was HTTP {status}, which Crashpad on Linux counts as a failure{said}",
            hint="a receiver must answer exactly 200",
        )
    return Rejected(
        f"the server rejected the request (HTTP {status}){said}", hint=_HINTS.get(status)
    )


_HINTS = {
    400: "the request is malformed for this receiver: check the format in the URL",
    404: "nothing is at this path: crashtool make-url checks the URL",
    405: "this path does not take submissions: crashtool make-url checks the URL",
    407: "the proxy asks for a password: http://user:password@proxy:port in HTTPS_PROXY",
    413: "the body is larger than the receiver or a proxy before it takes; "
    "raise its limit, or leave attachments out",
}


def _explain_server_error(response: HttpResponse, said: str) -> CrashtoolError:
    if response.status == 503 and not is_temporary(response):  # noqa: PLR2004
        return Rejected(
            f"the server does not know this universe or format (HTTP 503){said}",
            hint="check the universe and the format in the URL: crashtool make-url",
        )
    return NetworkFailure(f"the server failed (HTTP {response.status}){said}")


def _explain_error(body: dict[str, Any], response: HttpResponse) -> CrashtoolError:
    error = body.get("error")
    if isinstance(error, dict):
        message = _text(error.get("message")) or _shown(response)
        code = f" (error {error['code']})" if isinstance(error.get("code"), int) else ""
    else:
        message, code = _text(error) or _shown(response), ""
    what = f"the server answered 200 but did not take it{code}: {message[:SHOWN]}"
    if "token" in message.lower():
        return Refused(what, hint="submission tokens and symbol tokens are different things")
    return Rejected(what)


def _json_object(response: HttpResponse) -> dict[str, Any] | None:
    try:
        value = json.loads(response.body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _shown(response: HttpResponse) -> str:
    text = " ".join(response.text.split())
    if not text:
        return "an empty reply"
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _redirect_host(response: HttpResponse) -> str:
    target = response.headers.get("location", "")
    try:
        return urlsplit(target).netloc.rpartition("@")[2] or "another path of the same host"
    except ValueError:
        return "a place that is not a URL"
