"""A URL cut at its delimiters, whatever is wrong with it: nothing is decoded or lost."""

from __future__ import annotations

from crashtool.formats.named_tuple import NamedTuple

SCHEMES = ("https", "http")
HIGHEST_PORT = 65535
DEFAULT_PORTS = {"https": 443, "http": 80}


class UrlParts(NamedTuple):
    """The pieces of a URL's text; None is a piece whose delimiter is not there.

    `marker` is what stands between scheme and authority: "://", or what was written instead.
    """

    scheme: str
    marker: str
    user: str | None
    host: str
    port: str | None
    path: str
    query: str | None
    fragment: str | None

    @property
    def text(self) -> str:
        """The URL again, character for character."""
        return self.origin + self.path + _after("?", self.query) + _after("#", self.fragment)

    @property
    def origin(self) -> str:
        """Everything before the path."""
        user = "" if self.user is None else self.user + "@"
        return self.scheme + self.marker + user + self.host + _after(":", self.port)

    @property
    def port_number(self) -> int | None:
        """The port the URL leads to, the scheme's own if none is written; None if not 1..65535."""
        if self.port is None:
            return DEFAULT_PORTS.get(self.scheme.lower())
        digits = self.port.lstrip("0")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= len(str(HIGHEST_PORT))):
            return None
        return int(digits) if int(digits) <= HIGHEST_PORT else None

    @property
    def segments(self) -> list[str]:
        """The path's pieces between slashes; empty ones (double or trailing slash) included."""
        return self.path.split("/")[1:] if self.path else []

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """The query's names and values as written, in order; without `=` the value is ""."""
        pairs = (pair.partition("=") for pair in (self.query or "").split("&") if pair)
        return [(name, value) for name, _, value in pairs]

    def parameter(self, name: str) -> str | None:
        """The first value of a query parameter as written; None when it is not there."""
        return next((value for key, value in self.parameters if key == name), None)

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine."""
        host = self.host.lower()
        return host in ("localhost", "[::1]") or (
            host.startswith("127.") and host.replace(".", "").isdigit()
        )


def split_url(text: str) -> UrlParts:
    """Cut a URL at its delimiters; any text can be cut, and `.text` gives it back."""
    rest, fragment = _cut(text, "#")
    rest, query = _cut(rest, "?")
    scheme, marker, rest = _split_scheme(rest)
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    host, port = _split_port(host)
    return UrlParts(scheme, marker, user if at else None, host, port, slash + path, query, fragment)


def join_parameters(parameters: list[tuple[str, str]]) -> str | None:
    """A query's text from names and values that are encoded already; None when there are none."""
    return "&".join(f"{name}={value}" for name, value in parameters) or None


def _split_scheme(text: str) -> tuple[str, str, str]:
    """Scheme, marker and rest: `https:/host` and `//host` are cut where they were meant to be."""
    scheme, marker, rest = text.partition("://")
    if marker and "/" not in scheme:
        slashes = len(rest) - len(rest.lstrip("/"))
        return scheme, marker + rest[:slashes], rest[slashes:]
    scheme, colon, rest = text.partition(":")
    if colon and scheme.lower() in SCHEMES:
        slashes = len(rest) - len(rest.lstrip("/"))
        return scheme, colon + rest[:slashes], rest[slashes:]
    slashes = len(text) - len(text.lstrip("/"))
    return "", text[:slashes], text[slashes:]


def _split_port(host: str) -> tuple[str, str | None]:
    """Host and port; the colons inside the brackets of an IPv6 address are the host's own."""
    closing = host.rfind("]") if host.startswith("[") else -1
    colon = host.rfind(":")
    return (host[:colon], host[colon + 1 :]) if colon > closing else (host, None)


def _cut(text: str, delimiter: str) -> tuple[str, str | None]:
    before, separator, after = text.partition(delimiter)
    return before, after if separator else None


def _after(delimiter: str, piece: str | None) -> str:
    return "" if piece is None else delimiter + piece
