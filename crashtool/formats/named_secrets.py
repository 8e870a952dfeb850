"""Passwords and keys in texts that say what they are: `password=…`, `token: …`, `Bearer …`.

For texts that are shown, of a program's variables and command lines: what is masked in vain costs
little there. In a whole dump such words mostly belong to no secret.
"""

from __future__ import annotations

import re
from functools import cache

MASK = "…"
# What texts hold, small letters alone, that have a secret: patterns take long to compile.
MARKERS = (
    "passw",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "key",
    "credential",
    "authorization",
    "cookie",
    "sess",
    "bearer ",
    "basic ",
    "eyj",
)
# Names whose value is a secret whatever it looks like, and those of which it must look like one.
SURE = r"passw(?:or)?d|passphrase|passwd|pwd|secret(?:[_-]?(?:access[_-]?)?key)?|credentials?"
KEY = r"(?:api|access|private|auth|client|license|encryption|signing)[_-]?key"
LIKELY = rf"token|{KEY}|(?<![a-z])key|authorization|cookie|sess(?:ion)?[_-]?id"
NAME = r"[\w.-]{0,64}(?:%s)"
# A quote may be escaped, as in the text of JSON in a variable, and so may a letter of the value.
QUOTE = r"\\?[\"']"
QUOTED = r"(?P<quote>\\?[\"'])(?P<inner>(?:(?!\\?[\"']).){1,4096})"
BARE = r"(?P<bare>(?:[^\s\"'&;,<>…\\]|\\(?![\"'])){1,4096})"
FEWEST_LETTERS = 8  # of what looks like a secret
FEWEST_OF_A_CASE = 3  # letters of what is encoded, if it has no digits
# What stands for a value: a placeholder, a path, a word of a programming language.
NO_VALUE = re.compile(
    r"[%${\[(<*]|[./~]|[A-Za-z]:\\|(?:null|nil|none|true|false|yes|no|undefined|required|empty)\b",
    re.IGNORECASE,
)


def mask_named_secrets(text: str) -> str:
    """`text` with an ellipsis for each value of a name such as `password`, for what follows
    `Bearer` or `Basic`, and for web tokens, whole or cut short.
    """
    folded = text.lower()
    if not any(marker in folded for marker in MARKERS):
        return text
    text = _compile_scheme().sub(_mask_scheme, text)
    text = _compile_web_token().sub(MASK, text)
    text = _compile_named(SURE, r"[=:]").sub(_mask_sure, text)
    text = _compile_named(LIKELY, r"[=:]").sub(_mask_likely, text)
    if "--" in text:
        text = _compile_option().sub(_mask_option, text)
    return text


def names_secret_option(text: str) -> bool:
    """Whether a text is an option whose value, the next argument, is a secret: `--password`."""
    return _compile_option_alone().fullmatch(text) is not None


@cache
def _compile_scheme() -> re.Pattern[str]:
    return re.compile(r"\b(bearer|basic)(\s+)([\w.~+/=-]{8,4096})", re.IGNORECASE)


@cache
def _compile_web_token() -> re.Pattern[str]:
    return re.compile(r"(?<![\w-])eyJ[\w-]{10,4096}(?:\.[\w-]{0,4096}){0,4}")


@cache
def _compile_named(names: str, sign: str) -> re.Pattern[str]:
    name = NAME % names
    return re.compile(
        rf"(?<![\w.-])(?P<head>{name}(?:{QUOTE})?\s{{0,8}}{sign}>?\s{{0,8}})(?:{QUOTED}|{BARE})",
        re.IGNORECASE,
    )


@cache
def _compile_option() -> re.Pattern[str]:
    name = NAME % f"{SURE}|token|{KEY}"
    return re.compile(
        rf"(?<![\w-])(--?{name}\s{{1,8}})(?![-\s])([^\s\"']{{1,4096}})", re.IGNORECASE
    )


@cache
def _compile_option_alone() -> re.Pattern[str]:
    return re.compile(rf"--?{NAME % f'{SURE}|token|{KEY}'}", re.IGNORECASE)


def _mask_scheme(match: re.Match[str]) -> str:
    value = match[3]
    capitals = sum(letter.isupper() for letter in value)
    is_mixed = min(capitals, sum(letter.islower() for letter in value)) >= FEWEST_OF_A_CASE
    return f"{match[1]}{match[2]}{MASK}" if is_mixed or _looks_secret(value) else match[0]


def _mask_option(match: re.Match[str]) -> str:
    return match[0] if NO_VALUE.match(match[2]) else match[1] + MASK


def _mask_sure(match: re.Match[str]) -> str:
    """The value of a password: of one behind a colon, prose apart."""
    value = match["bare"]
    if value is None:
        return f"{match['head']}{match['quote']}{MASK}"
    head = match["head"].rstrip()
    is_prose = head.endswith(":") and value.isalpha() and _goes_on(match)
    if is_prose or NO_VALUE.match(value):
        return match[0]
    return match["head"] + MASK


def _goes_on(match: re.Match[str]) -> bool:
    """Whether a further word follows on the line: a sentence."""
    rest = match.string[match.end() : match.end() + 2]
    return rest[:1] == " " and rest[1:].isalpha()


def _mask_likely(match: re.Match[str]) -> str:
    value = match["inner"] or match["bare"]
    if NO_VALUE.match(value) or not _looks_secret(value):
        return match[0]
    return f"{match['head']}{match['quote'] or ''}{MASK}"


def _looks_secret(value: str) -> bool:
    """Whether a value is long, and has letters and digits: no word, no number, no place."""
    has_digit = any(letter.isdigit() for letter in value)
    has_letter = any(letter.isalpha() for letter in value)
    return len(value) >= FEWEST_LETTERS and has_digit and has_letter
