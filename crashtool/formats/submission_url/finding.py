"""What a rule says about a URL, and what it is told about it."""

from __future__ import annotations

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.submission_url.url_parts import UrlParts

ERROR, WARNING = "error", "warning"
PLATFORMS = ("windows", "linux", "macos", "android")
SHOWN = {"windows": "Windows", "linux": "Linux", "macos": "macOS", "android": "Android"}


class UrlFinding(NamedTuple):
    """One rule's verdict: cause and consequence are sentences without a whole token in them.

    `corrected` is the URL with this and all earlier findings mended; None when only the user knows.
    """

    rule: str
    severity: str
    cause: str
    consequence: str
    corrected: str | None = None


class UrlFault(NamedTuple):
    """A Finding that does not know yet which rule's it is: what a rule function returns."""

    severity: str
    cause: str
    consequence: str
    corrected: str | None = None


class Purpose(NamedTuple):
    """What the URL is meant for, as far as the user said.

    `platform` narrows the rules to one Crashpad transport, `format` is the one expected,
    `token` and `symbols_token` are tokens whose kind is known.
    """

    platform: str = ""
    format: str = ""
    plain_http: bool = False
    token: str = ""
    symbols_token: str = ""


class PartlyFixedUrl(NamedTuple):
    """A URL as it stands when a rule looks at it: earlier rules have mended what they could."""

    text: str
    parts: UrlParts
    purpose: Purpose

    def find_severity(self, **platforms: str) -> str | None:
        """The severity on this purpose's platform, None where it copes; the worst if none is named.

        The keywords are the platforms that do not cope.
        """
        if self.purpose.platform:
            return platforms.get(self.purpose.platform)
        return ERROR if ERROR in platforms.values() else WARNING

    def pick_sentence(self, **platforms: str) -> str:
        """What happens on this purpose's platform; on each of them, if none is named.

        The keywords hold clauses without capital and full stop.
        """
        if self.purpose.platform:
            clause = platforms[self.purpose.platform]
            return clause[:1].upper() + clause[1:] + "."
        together: dict[str, list[str]] = {}
        for platform, clause in platforms.items():
            together.setdefault(clause, []).append(SHOWN[platform])
        shown = (f"{' and '.join(names)}: {clause}" for clause, names in together.items())
        return "; ".join(shown) + "."
