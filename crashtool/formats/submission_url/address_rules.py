"""Rules about where a URL leads: scheme, user, host and port."""

from __future__ import annotations

import re

from crashtool.formats.submission_url.finding import ERROR, WARNING, PartlyFixedUrl, UrlFault
from crashtool.formats.submission_url.placeholders import is_placeholder
from crashtool.formats.submission_url.url_forms import (
    HOSTED,
    HOSTED_NAME,
    PLAIN_PORT,
    SELF_HOSTED_DOMAIN,
    TLS_PORT,
    find_form,
)
from crashtool.formats.submission_url.url_parts import SCHEMES

REDIRECTING = tuple(
    f"{name}backtrace.io" for name in ("", "www.", "help.", "docs.", "support.", "documentation.")
)
MAX_NAME_LENGTH, MAX_LABEL = 253, 63  # RFC 1035
LABEL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


def scheme_doubled(draft: PartlyFixedUrl) -> UrlFault | None:
    """One scheme."""
    rest = draft.text
    while re.match("https?:/+https?:/", rest, re.IGNORECASE):
        rest = rest[rest.index("/") :].lstrip("/")
    if rest == draft.text:
        return None
    return UrlFault(
        ERROR,
        "The URL has two schemes.",
        "Transports take the second one for the host's name, which no name server knows.",
        rest,
    )


def scheme_missing(draft: PartlyFixedUrl) -> UrlFault | None:
    """A scheme."""
    parts = draft.parts
    if parts.scheme or not draft.text.strip("/ ?#"):
        return None
    mended = "https://" + draft.text.lstrip("/:")
    return UrlFault(
        ERROR,
        "The URL does not begin with https://.",
        draft.pick_sentence(
            windows="WinHTTP does not know the scheme (error 12006), so nothing is sent",
            linux="libcurl takes it for http and sends the token and the dump unencrypted",
            macos="NSURLSession does not support the URL, so nothing is sent",
            android="the socket transport says `expecting http or https`, so nothing is sent",
        ),
        mended if is_host(parts.host) else None,
    )


def scheme_separator(draft: PartlyFixedUrl) -> UrlFault | None:
    """`://` after the scheme."""
    parts = draft.parts
    if not parts.scheme or parts.marker == "://":
        return None
    return UrlFault(
        ERROR,
        f"`{parts.scheme}` is followed by `{parts.marker}`, not by `://`.",
        "Transports refuse the URL or find no host in it.",
        parts._replace(marker="://").text,
    )


def scheme_unknown(draft: PartlyFixedUrl) -> UrlFault | None:
    """The scheme is http or https."""
    scheme = draft.parts.scheme
    if not scheme or scheme.lower() in SCHEMES:
        return None
    return UrlFault(
        ERROR,
        f"The scheme `{scheme[:20]}` is not https.",
        draft.pick_sentence(
            windows="WinHTTP does not know it (error 12006), so nothing is sent",
            linux="libcurl says `Unsupported protocol` or speaks another protocol than HTTP",
            macos="NSURLSession does not support it, so nothing is sent",
            android="the socket transport says `expecting http or https`, so nothing is sent",
        ),
    )


def scheme_upper_case(draft: PartlyFixedUrl) -> UrlFault | None:
    """The scheme in lower case."""
    scheme = draft.parts.scheme
    severity = draft.find_severity(android=ERROR)
    if scheme.lower() not in SCHEMES or scheme == scheme.lower() or severity is None:
        return None
    return UrlFault(
        severity,
        f"The scheme is written `{scheme}`.",
        "Crashpad's socket transport (Android) compares it letter by letter and says "
        "`expecting http or https`.",
        draft.parts._replace(scheme=scheme.lower()).text,
    )


def user_password(draft: PartlyFixedUrl) -> UrlFault | None:
    """No user name and no password."""
    if draft.parts.user is None:
        return None
    return UrlFault(
        ERROR,
        "The URL holds a user name or a password.",
        draft.pick_sentence(
            windows="WinHTTP does not use them",
            linux="libcurl sends them as Basic authentication, which Backtrace does not ask for",
            macos="NSURLSession may send them where nothing asks for them",
            android="the socket transport takes the first `:` for the end of the host's name "
            "and finds no host",
        )
        + " They also end up in logs.",
        draft.parts._replace(user=None).text,
    )


def host_missing(draft: PartlyFixedUrl) -> UrlFault | None:
    """A host."""
    if draft.parts.host or not draft.text.strip():
        return None
    return UrlFault(ERROR, "The URL names no host.", "There is no server to send anything to.")


def non_ascii_host(draft: PartlyFixedUrl) -> UrlFault | None:
    """The host's name in ASCII."""
    host = draft.parts.host
    if host.isascii():
        return None
    return UrlFault(
        ERROR,
        "The host's name holds characters outside ASCII.",
        "Only some transports turn it into the name that name servers know; look-alikes of "
        "Latin letters lead to another server.",
        _punycode(draft),
    )


def host_invalid(draft: PartlyFixedUrl) -> UrlFault | None:
    """A host name, IPv4 address, or IPv6 address in brackets."""
    host = draft.parts.host
    if not host or not host.isascii() or is_host(host) or is_placeholder(host):
        return None
    return UrlFault(
        ERROR,
        f"`{host[:80]}` is not a host name: letters, digits, hyphens and dots.",
        "No name server knows it, so nothing is sent.",
    )


def ipv6_address(draft: PartlyFixedUrl) -> UrlFault | None:
    """No IPv6 address where the transport cannot read one."""
    if not draft.parts.host.startswith("[") or draft.purpose.platform not in ("", "android"):
        return None
    return UrlFault(
        ERROR if draft.purpose.platform else WARNING,
        "The host is an IPv6 address.",
        "Crashpad's socket transport (Android) takes the first `:` for the end of the host's name.",
    )


def port_invalid(draft: PartlyFixedUrl) -> UrlFault | None:
    """A port between 1 and 65535."""
    parts = draft.parts
    if parts.port is None or parts.port_number is not None:
        return None
    if not parts.port:
        return UrlFault(
            ERROR,
            "There is a `:` after the host, but no port.",
            "Transports disagree on what that means.",
            parts._replace(port=None).text,
        )
    return UrlFault(
        ERROR,
        f"`{parts.port[:20]}` is not a port: 1 to 65535.",
        draft.pick_sentence(
            windows="WinHTTP refuses a port over 65535 (error 12005) and takes a word for port 0",
            linux="libcurl refuses the URL (error 3), so nothing is sent",
            macos="NSURLSession refuses the URL, so nothing is sent",
            android="the socket transport finds no such service, so nothing is sent",
        ),
    )


def port_mismatch(draft: PartlyFixedUrl) -> UrlFault | None:
    """Port 6098 speaks TLS, port 6097 does not."""
    parts = draft.parts
    scheme = parts.scheme.lower()
    number = parts.port_number
    if parts.is_loopback or (scheme, number) not in (
        ("https", PLAIN_PORT),
        ("http", TLS_PORT),
        ("https", 80),
        ("http", 443),
    ):
        return None
    wanted = "http" if draft.purpose.plain_http else "https"
    own = {"http": PLAIN_PORT, "https": TLS_PORT}[wanted] if number in (PLAIN_PORT, TLS_PORT) else 0
    spoken = "plain HTTP" if number in (PLAIN_PORT, 80) else "TLS"
    return UrlFault(
        ERROR,
        f"The URL says {scheme}, but port {number} speaks {spoken}.",
        "The TLS handshake fails."
        if scheme == "https"
        else "The server does not understand the unencrypted request and closes the connection.",
        parts._replace(scheme=wanted, port=str(own) if own else None).text,
    )


def plain_http(draft: PartlyFixedUrl) -> UrlFault | None:
    """https, not http."""
    parts = draft.parts
    if parts.scheme.lower() != "http" or parts.is_loopback or draft.purpose.plain_http:
        return None
    hosted = parts.host.lower() == HOSTED_NAME
    ports = {None: None, 80: None, PLAIN_PORT: str(TLS_PORT)}
    number = None if parts.port is None else parts.port_number
    is_known = number in ports and (parts.port is None or number is not None)
    return UrlFault(
        ERROR if hosted else WARNING,
        "The URL says http: nothing is encrypted.",
        "Everyone on the way can read the token and the memory in the dumps, and where the server "
        "redirects to https, Crashpad does not follow: the report is lost.",
        parts._replace(scheme="https", port=ports[number]).text if is_known else None,
    )


def redirecting_host(draft: PartlyFixedUrl) -> UrlFault | None:
    """A host that takes submissions itself, rather than redirecting to another."""
    parts = draft.parts
    if parts.host.lower().rstrip(".") not in REDIRECTING:
        return None
    mended = parts._replace(host=HOSTED_NAME, port=None)
    return UrlFault(
        ERROR,
        f"`{parts.host}` is a web site: it redirects or shows pages, and takes no submissions.",
        draft.pick_sentence(
            windows="a report cannot be sent twice, so a redirect ends it",
            linux="libcurl does not follow the redirect, and the report is given up",
            macos="the body is a stream that cannot be sent again after a redirect",
            android="the socket transport does not follow the redirect, and the report is given up",
        ),
        mended.text if find_form(mended) == HOSTED else None,
    )


def port_missing(draft: PartlyFixedUrl) -> UrlFault | None:
    """The port that `<universe>.sp.backtrace.io` listens on."""
    parts = draft.parts
    listens_elsewhere = parts.path.startswith("/api/") or parts.port is not None
    if not parts.host.lower().endswith(SELF_HOSTED_DOMAIN) or listens_elsewhere:
        return None
    port = PLAIN_PORT if parts.scheme.lower() == "http" else TLS_PORT
    return UrlFault(
        WARNING,
        f"The URL has no port, so it leads to port {parts.port_number}.",
        f"This server takes submissions on port {port}; the other belongs to its web pages.",
        parts._replace(port=str(port)).text if parts.scheme else None,
    )


def is_host(host: str) -> bool:
    """Whether a text can be a host: DNS labels (underscores pass), IPv4, or IPv6 in brackets."""
    if host.startswith("["):
        inside = host[1:-1]
        return (
            host.endswith("]")
            and inside.count(":") > 1
            and not inside.strip("0123456789abcdefABCDEF:.")
        )
    labels = host.removesuffix(".").split(".")
    fit = (0 < len(label) <= MAX_LABEL and LABEL.issuperset(label) for label in labels)
    return len(host) <= MAX_NAME_LENGTH and all(fit)


def _punycode(draft: PartlyFixedUrl) -> str | None:
    try:
        host = draft.parts.host.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    return draft.parts._replace(host=host).text if is_host(host) else None
