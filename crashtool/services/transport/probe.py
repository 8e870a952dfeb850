"""One harmless request to the server of a URL: does it answer, and does it redirect."""

from __future__ import annotations

from urllib.parse import urlsplit

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.submission_url import ERROR, UrlFinding
from crashtool.formats.submission_url.url_parts import UrlParts
from crashtool.services.transport.http import HttpSession


class ProbeAnswer(NamedTuple):
    """What the server said to `GET /`; `location` is where a redirect leads, without its query."""

    origin: str
    status: int
    location: str

    @property
    def redirects(self) -> bool:
        """Whether the server sends clients elsewhere."""
        return 300 <= self.status < 400 and bool(self.location)  # noqa: PLR2004 (HTTP)

    @property
    def sentence(self) -> str:
        """What the answer means for submissions."""
        said = f"{self.origin} answers (HTTP {self.status})"
        if self.redirects:
            return f"{said} and redirects to {self.location}"
        if self.status == 407:  # noqa: PLR2004 (HTTP)
            return f"{said}: a proxy asks for a password"
        if self.status >= 500:  # noqa: PLR2004 (HTTP)
            return f"{said}: the server is there, but it or a proxy before it is not well"
        return f"{said}: name, network and encryption are in order; no token was sent"


def probe_server(session: HttpSession, parts: UrlParts) -> ProbeAnswer:
    """Ask for `/` at a URL's origin: neither path, query, token nor user go with it.

    NetworkFailure explains a server that is not reached.
    """
    origin = parts._replace(user=None, path="", query=None, fragment=None).text
    response = session.get(origin + "/")
    location = urlsplit(response.headers.get("location", ""))
    target = location._replace(query="", fragment="").geturl()
    return ProbeAnswer(origin, response.status, target)


def find_redirect(answer: ProbeAnswer) -> UrlFinding | None:
    """The redirecting-host finding that an answer gives rise to."""
    if not answer.redirects:
        return None
    return UrlFinding(
        "redirecting-host",
        ERROR,
        f"{answer.sentence}.",
        "Crashpad does not follow redirects: reports are given up. Use the URL it redirects to.",
    )
