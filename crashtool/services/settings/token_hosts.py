"""To which hosts a token goes: to that which it was given for, and never where a stranger points.

Flags, environment and the user's file are the user's own word. A host that only a project file
names gets the user's token when it is one of Backtrace's own, or when the user has listed it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from crashtool.errors import UsageError
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.submission_url import build_url, new_submission_url, parse_submission_url
from crashtool.formats.submission_url.url_forms import HOSTED_NAME, SELF_HOSTED_DOMAIN

if TYPE_CHECKING:
    from crashtool.services.settings.layers import Settings

OWN_HOSTS = (HOSTED_NAME, "*" + SELF_HOSTED_DOMAIN)
PLAIN_PLACE = re.compile(r"(?P<host>[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")


class UrlHost(NamedTuple):
    """Where a URL leads; `host` is "" when that cannot be told beyond doubt."""

    scheme: str
    host: str
    port: str

    @property
    def text(self) -> str:
        """The host, and the port if there is one, as `token_hosts` lists it."""
        return f"{self.host}:{self.port}" if self.port else self.host


def find_place(url: str) -> UrlHost:
    """The place of a URL. What a parser could take for another host is nobody's."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return UrlHost("", "", "")
    match = PLAIN_PLACE.fullmatch(parts.netloc.lower())
    if not match or any(sign in url for sign in "\\\t\r\n"):
        return UrlHost("", "", "")
    return UrlHost(parts.scheme, match["host"].removesuffix("."), match["port"] or "")


def has_token(url: str) -> bool:
    """Whether a URL brings a token of its own."""
    try:
        return bool(parse_submission_url(url).token)
    except UsageError:
        return False


def make_url(universe: str, host: str) -> str:
    """A URL for a universe or a host, to see where it leads; "" when it leads nowhere."""
    try:
        return build_url(new_submission_url(universe=universe, host=host, token="TOKEN"))  # noqa: S106
    except UsageError:
        return ""


def find_refusal(url: str, settings: Settings) -> UsageError | None:
    """Why a user's token does not go to a URL that only a project file names; None when it may."""
    host = find_place(url)
    listed = settings.find_all("token_hosts")
    what = f"the token is not sent to {host.text or 'this URL'}: only a project file names it"
    if not host.host:
        return UsageError(what, hint="name the place yourself, with --url")
    if any(_fits(host, pattern) for pattern in listed):
        return None
    is_own = any(_fits(host, pattern) for pattern in OWN_HOSTS)
    if is_own and host.scheme == "https":
        return None
    if is_own:
        what += ", and without TLS anyone on the way could read it"
    wanted = " ".join([*listed, host.text])
    return UsageError(
        what,
        hint=f"if it is yours: CRASHTOOL_TOKEN_HOSTS='{wanted}' in the environment, or the line "
        f'token_hosts = ["{host.text}"] in {settings.user_file}; --url or --host name it, too',
    )


def _fits(host: UrlHost, pattern: str) -> bool:
    """Whether `HOST`, `*.DOMAIN`, either with `:PORT`, stands for a place."""
    match = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::([0-9]+))?", pattern.strip().lower())
    if not match:
        return False
    name, port = match[1].removesuffix("."), match[2]
    if port and port != (host.port or {"https": "443", "http": "80"}.get(host.scheme)):
        return False
    if name.startswith("*."):
        return host.host.endswith(name[1:]) and len(host.host) > len(name) - 1
    return host.host == name
