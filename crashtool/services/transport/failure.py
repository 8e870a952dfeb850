"""What a failed request means, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias
from urllib.parse import urlsplit

from crashtool.errors import BadUrl, NetworkFailure, SetupFailure, TimedOut

# of requests and urllib3, which need not be imported to know them
NO_URL = frozenset({"InvalidURL", "MissingSchema", "InvalidSchema", "LocationParseError"})


def explain_failure(error: Exception, url: str, timeout: float) -> NetworkFailure | BadUrl:
    """What a failed request means, in words; `url` is never repeated, for it may hold a token."""
    where = host_of(url)
    if any(kind.__name__ in NO_URL for kind in type(error).__mro__):
        return BadUrl(
            f"not a URL that can be used: {where}",
            hint="crashtool make-url checks a URL and names what is wrong",
        )
    causes = list(_causes(error))
    words = " ".join(map(str, causes))
    for kinds, texts, sentence, hint in _FAILURES:
        by_kind = any(type(cause).__name__ in kinds for cause in causes)
        if by_kind or any(text in words for text in texts):
            detail = _detail(causes)
            kind = TimedOut if "{timeout}" in sentence else NetworkFailure
            if (kinds, texts, sentence, hint) in _SETUP_FAILURES:
                kind = SetupFailure
            return kind(
                sentence.format(where=where, timeout=f"{timeout:g}", detail=detail), hint=hint
            )
    return NetworkFailure(f"the connection to {where} failed: {_detail(causes)}")


# class names in the chain of causes, texts in it, sentence, hint
_Failures: TypeAlias = tuple[tuple[tuple[str, ...], tuple[str, ...], str, str | None], ...]
# what no waiting mends
_SETUP_FAILURES: _Failures = (
    (
        (),
        ("self-signed", "self signed", "unable to get local issuer"),
        "the TLS certificate of {where} is not signed by an authority trusted here: {detail}",
        "behind a company's proxy or with a private authority, name its PEM file with --ca-bundle",
    ),
    (
        (),
        ("certificate has expired", "certificate is not yet valid"),
        "the TLS certificate of {where} is out of date: {detail}",
        "check this machine's clock, then the certificate",
    ),
    (
        (),
        ("Hostname mismatch", "IP address mismatch", "doesn't match"),
        "the TLS certificate of {where} is for another host: {detail}",
        "check the host name in the URL",
    ),
    (
        (),
        ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "record layer failure"),
        "{where} does not speak TLS: {detail}",
        "a plain-text listener needs http:// (Backtrace: 6097 is plain, 6098 is TLS)",
    ),
)
# the first match speaks
_FAILURES: _Failures = (
    (
        ("ProxyError",),
        (),
        "the proxy on the way to {where} did not work: {detail}",
        "the proxy comes from HTTPS_PROXY, HTTP_PROXY or ALL_PROXY; NO_PROXY lists exceptions",
    ),
    *_SETUP_FAILURES,
    (("SSLError", "SSLCertVerificationError"), (), "TLS with {where} failed: {detail}", None),
    (
        ("NameResolutionError", "gaierror"),
        (),
        "the name {where} is not known to DNS: {detail}",
        "check the host name and the network",
    ),
    (
        ("ConnectTimeout", "ConnectTimeoutError"),
        (),
        "{where} did not accept a connection within {timeout} s",
        "a firewall that drops packets looks like this; --timeout waits longer",
    ),
    (
        ("TooSlow",),
        (),
        "{where} was too slow: after {timeout} s less than 4 KiB a second had come across",
        "--timeout waits longer",
    ),
    (
        ("ReadTimeout", "ReadTimeoutError", "TimeoutError"),
        (),
        "{where} was silent for {timeout} s",
        "--timeout waits longer",
    ),
    (
        ("ConnectionRefusedError",),
        (),
        "{where} refused the connection: nothing listens there",
        "check the host and the port",
    ),
    (("IncompleteRead",), (), "the reply of {where} was cut short: {detail}", None),
    (
        ("ConnectionResetError", "BrokenPipeError", "RemoteDisconnected"),
        (),
        "{where} closed the connection before it answered",
        None,
    ),
    (
        ("BadStatusLine", "LineTooLong", "InvalidHeader"),
        (),
        "{where} did not answer in HTTP: {detail}",
        "a TLS listener needs https:// (Backtrace: 6098 is TLS, 6097 is plain)",
    ),
    (
        ("ContentDecodingError", "DecodeError"),
        (),
        "the reply of {where} could not be decompressed",
        None,
    ),
)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and everything it wraps: by `raise from`, `reason` or as an argument."""
    pending, seen = [error], set()
    while pending:
        current = pending.pop(0)
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        pending += [getattr(current, "reason", None), current.__cause__, current.__context__]
        pending += [item for item in current.args if isinstance(item, BaseException)]


def _detail(causes: list[BaseException]) -> str:
    """The words of the innermost cause that has any."""
    for cause in reversed(causes):
        text = getattr(cause, "strerror", None) or (cause.args and str(cause.args[-1]))
        if isinstance(text, str) and text and "pool(host=" not in text and "url:" not in text:
            return text.partition(" (_ssl.c:")[0]
    return type(causes[0]).__name__


def host_of(url: str) -> str:
    """The host and port of a URL, which hold no secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the URL"
    return parts.netloc.rpartition("@")[2] or "the URL"
