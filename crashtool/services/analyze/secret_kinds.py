"""The kinds of secrets that are known, each by what begins it and what must follow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain

from crashtool.formats.named_tuple import NamedTuple

BEFORE = 64  # characters before a marker that may belong to the secret's name
FEWEST_DIFFERENT = 8  # characters in a key, or it is none
TOKEN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
KEYS = (b"API_", b"API", b"ACCESS_", b"PRIVATE_", b"SECRET_")
NAME = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"


class Kind(NamedTuple):
    """A kind of secret: bytes that begin it, what then must follow, and what may stand before.

    `before`: characters that may not stand before the marker, for then it is part of something
    longer; every kind has some, or a text of nothing but markers would be read again and again.
    `around`: which letter must stand before and which behind a marker, as parts of a pattern.
    `confirms`: looks at the text and the place of the match once more. `extent`: what of the text
    is the secret, when it is not the match.
    """

    name: str
    markers: tuple[bytes, ...]
    pattern: bytes
    before: bytes = TOKEN
    around: tuple[bytes, bytes] = (b"", b"")
    confirms: Callable[[bytes, re.Match[bytes]], bool] | None = None
    extent: Callable[[bytes, re.Match[bytes]], tuple[int, int]] = lambda _text, match: match.span()


def _is_name_of_variable(text: bytes, match: re.Match[bytes]) -> bool:
    """Whether the marker ends the name of an environment variable, at the start of a text."""
    head = text[max(0, match.start() - BEFORE) : match.start()]
    stem = head.rstrip(NAME)
    if match.group().startswith(b"KEY=") and not head.endswith(KEYS):
        return False
    return stem[-1:] in (b"", b"\0", b"\n", b'"', b"'", b" ", b";")


def _value_extent(_text: bytes, match: re.Match[bytes]) -> tuple[int, int]:
    return match.start() + match.group().index(b"=") + 1, match.end()


def _address_extent(text: bytes, match: re.Match[bytes]) -> tuple[int, int]:
    return match.start() - len(_split_mailbox(text, match)[1]), match.end()


def _split_mailbox(text: bytes, match: re.Match[bytes]) -> tuple[bytes, bytes]:
    """What stands before the name before the @, and the name."""
    offset = match.start()
    text = text[max(0, offset - BEFORE) : offset]
    stem = text.rstrip(TOKEN + b".+%")
    return stem, text[len(stem) :]


def _has_mailbox(text: bytes, match: re.Match[bytes]) -> bool:
    """Whether a person's name may stand before the @: no login of git, no password of a URL."""
    stem, name = _split_mailbox(text, match)
    if stem.endswith(b":") and b"://" in stem:
        return False
    return len(name) > 1 and stem != b"" and name != b"git" and name[-1:] not in b".%-"


def _has_digit_and_letter(_text: bytes, match: re.Match[bytes]) -> bool:
    secret = match.group()
    return any(48 <= byte < 58 for byte in secret) and secret.lower() != secret.upper()  # noqa: PLR2004


def _is_live_key(text: bytes, match: re.Match[bytes]) -> bool:
    """Whether `sk_live_` or `rk_live_` is a word of its own."""
    offset = match.start()
    return (
        text[offset - 1 : offset] in (b"s", b"r") and text[offset - 2 : offset - 1] not in _LETTERS
    )


def _is_access_key(_text: bytes, match: re.Match[bytes]) -> bool:
    """An access key id has capitals, and digits only as base 32 has them; it may lack them."""
    return len(set(match.group())) > FEWEST_DIFFERENT


_LETTERS = frozenset(bytes((byte,)) for byte in TOKEN)
_CONFIRMS = {"AWS access key id": _is_access_key, "Stripe key": _is_live_key}


@cache
def compile_kind(pattern: bytes) -> re.Pattern[bytes]:
    """A kind's pattern; most dumps have a marker of few kinds."""
    return re.compile(pattern)


@cache
def list_kinds() -> tuple[Kind, ...]:
    """All kinds, in the order that counts have."""
    return tuple(chain(_vendor_tokens(), _general_secrets()))


def _vendor_tokens() -> Iterator[Kind]:
    """Tokens that say whose they are: hardly anything else looks like them."""
    for name, marker, tail in (
        ("AWS access key id", b"AKIA", rb"[A-Z2-7]{16}(?![A-Za-z0-9])"),
        ("AWS access key id", b"ASIA", rb"[A-Z2-7]{16}(?![A-Za-z0-9])"),
        ("Anthropic API key", b"sk-", rb"ant-[\w-]{32,200}"),
        ("OpenAI API key", b"sk-", rb"(?:proj|svcacct)-[\w-]{32,200}"),
        ("GitHub token", b"github_pat_", rb"\w{60,120}"),
        ("GitLab token", b"glpat-", rb"[\w-]{20}"),
        ("Google API key", b"AIza", rb"[\w-]{35}(?![\w-])"),
        ("npm token", b"npm_", rb"[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
        ("PyPI token", b"pypi-AgE", rb"[\w-]{50,250}"),
        ("Stripe key", b"k_live_", rb"[0-9A-Za-z]{20,250}"),
    ):
        confirms = _CONFIRMS.get(name, _has_digit_and_letter)
        before = b"" if name == "Stripe key" else TOKEN
        pattern = re.escape(marker) + tail
        yield Kind(name, (marker,), pattern, before, confirms=confirms)
    for name, markers, tail in (
        ("GitHub token", (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"), rb"[A-Za-z0-9]{36}"),
        (
            "Slack token",
            (b"xoxa-", b"xoxb-", b"xoxp-", b"xoxr-", b"xoxs-"),
            rb"[0-9A-Za-z-]{20,250}",
        ),
    ):
        yield Kind(
            name, markers, rb".{%d}" % len(markers[0]) + tail, confirms=_has_digit_and_letter
        )
    yield Kind(
        "Backtrace submission URL",
        (b"://",),
        rb"://submit\.backtrace\.io/[\w.-]{1,64}/[0-9a-f]{64}",
        before=b"",
    )
    yield Kind(
        "Slack webhook",
        (b"://",),
        rb"://hooks\.slack\.com/services/T\w{7,12}/B\w{7,12}/\w{20,60}",
        before=b"",
    )


def _general_secrets() -> Iterator[Kind]:
    """Secrets known by where they stand."""
    yield Kind(
        "JSON web token",
        (b"eyJ",),
        rb"eyJ[\w-]{10,2000}\.eyJ[\w-]{10,2000}\.[\w-]{16,}",
    )
    yield Kind(
        "private key",
        (b"-----BEGIN ",),
        rb"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY-----\r?\n[\w+/=:, \r\n-]{64}",
        before=b"-",
    )
    yield Kind(
        "authorization header",
        (b"uthorization: ",),
        rb"uthorization: (?:Bearer|Basic|Token|token|bearer) [\w.~+/=-]{16,256}",
        before=b"",
    )
    yield Kind(
        "HTTP cookie",
        (b"ookie: ",),
        rb"ookie: [\w.-]{1,64}=[^\s\0;]{8,256}",
        before=b"",
    )
    yield Kind(
        "password in a URL",
        (b"://",),
        rb"://[\w.%~+-]{1,64}:[\w.%~+!$*-]{3,128}@[A-Za-z0-9][\w.-]{2,64}",
        before=b"",
    )
    words = (b"TOKEN", b"SECRET", b"PASSWORD", b"PASSWD", b"KEY", b"CREDENTIALS")
    yield Kind(
        "environment variable with a secret's name",
        tuple(word + b"=" for word in words),
        rb"(?:%b)=(?![/\\.]|[A-Z]:\\|%%|\$)[!-~]{8,256}" % b"|".join(words),
        before=b"",
        confirms=_is_name_of_variable,
        extent=_value_extent,
    )
    yield Kind(
        "e-mail address",
        (b"@",),
        (
            rb"@[a-z0-9](?:[a-z0-9-]{0,40}\.){1,4}(?:com|net|org|edu|gov|io|dev|app|ai|info|us|uk|de"
            rb"|fr|es|it|nl|pl|cz|ch|at|be|se|no|fi|dk|ru|ua|cn|jp|kr|in|au|nz|ca|br|mx|eu)"
            rb"(?![\w-])(?!\.\w)"
        ),
        before=b"",
        around=(rb"[A-Za-z0-9_+]", rb"[a-z0-9]"),
        confirms=_has_mailbox,
        extent=_address_extent,
    )
