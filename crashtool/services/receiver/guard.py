"""Who may speak to the receiver: programs, and its own pages; no page of another site.

A browser sends what any page asks it to send, to loopback, too, and says whose wish it is: by
Origin with everything that is not a plain GET, by Sec-Fetch-Site where the receiver is loopback or
speaks TLS. Handlers send neither. A page whose name was made to lead here (DNS rebinding) is of the
same origin for the browser, but has that name in Host.
"""

from __future__ import annotations

import base64
import hmac
import ipaddress
import re
from collections.abc import Iterable, Mapping

from crashtool.formats.named_tuple import NamedTuple

FOREIGN, MISDIRECTED, UNAUTHORIZED = 403, 421, 401
OWN_SITES = ("same-origin", "none")  # none: the person typed it, or took a bookmark
LOCAL_NAMES = frozenset({"", "localhost"})


class Denial(NamedTuple):
    """Why a request gets nothing."""

    status: int
    message: str


class Guard:
    """Judges the head of each request.

    Unless the receiver is open to others, `is_local`, names for this machine but loopback's are
    refused, those of `names` excepted. `token` opens what there is to read.
    """

    def __init__(
        self, *, is_local: bool, token: str | None = None, names: Iterable[str] = ()
    ) -> None:
        self._is_local = is_local
        self._token = token
        self._names = {name.lower().rstrip(".") for name in names}

    def deny_sending(self, headers: Mapping[str, str]) -> Denial | None:
        """Why a POST is refused; None for programs. Whether its token is right is not asked."""
        return self._deny_host(headers) or _deny_foreign(headers, headers.get("sec-fetch-site", ""))

    def deny_reading(self, headers: Mapping[str, str], token: str = "") -> Denial | None:
        """Why a GET is refused: one by another site's page, or without the token.

        A link on another site may be followed: the page that opens is not the other's to read.
        `token` is the one in the path, where debuggers have it that send no header.
        """
        site = headers.get("sec-fetch-site", "")
        if (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == (
            "navigate",
            "document",
        ):
            site = ""
        if denial := self._deny_host(headers) or _deny_foreign(headers, site):
            return denial
        if not self._token or _is_equal(token, self._token):
            return None
        if not _has_token(headers.get("authorization", ""), self._token):
            return Denial(UNAUTHORIZED, "a token is needed")
        return None

    def _deny_host(self, headers: Mapping[str, str]) -> Denial | None:
        if not self._is_local:
            return None
        host = _name_of(headers.get("host", ""))
        if host in LOCAL_NAMES or host in self._names or _is_loopback(host):
            return None
        return Denial(MISDIRECTED, "this host name is not served; --served-name NAME allows one")


def _deny_foreign(headers: Mapping[str, str], site: str) -> Denial | None:
    origin = headers.get("origin")
    if origin is not None:
        is_own = origin.lower().partition("://")[2] == headers.get("host", "").lower() != ""
        if not is_own:
            return Denial(FOREIGN, "a page of another site may not do this")
    if site and site.lower() not in OWN_SITES:
        return Denial(FOREIGN, "a page of another site may not do this")
    return None


def _name_of(host: str) -> str:
    """The name in a Host header, without its port."""
    return re.sub(r":[0-9]*$", "", host.strip().lower()).rstrip(".")


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)  # whose is_loopback is new in Python 3.13
    return bool((mapped or address).is_loopback)


def _has_token(header: str, token: str) -> bool:
    """Whether `Basic anyone:TOKEN` or `Bearer TOKEN` has the token; no other scheme can."""
    kind, _, value = header.partition(" ")
    match kind.lower():
        case "bearer":
            return _is_equal(value.strip(" "), token)
        case "basic":
            try:
                value = base64.b64decode(value.strip(" "), validate=True).decode("utf-8", "replace")
            except ValueError:
                return False
            return _is_equal(value.partition(":")[2], token)
    return False


def _is_equal(text: str, token: str) -> bool:
    """Whether a text is the token, in a time that does not tell how much of it is."""
    return hmac.compare_digest(text.encode("utf-8", "replace"), token.encode("utf-8"))
