"""Texts in variables that look secret, and are not shown: by what they are, or what they are in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.named_secrets import names_secret_option
from crashtool.services.analyze.secrets import mask_secrets

if TYPE_CHECKING:
    from crashtool.model.variables import Value

SHORTEST = 7  # letters of a text with a secret, in quotes: pwd=x
MASKED = '"…"'
# What variables are called that hold one.
NAMES = (
    "passw",
    "passphrase",
    "pwd",
    "secret",
    "api_key",
    "apikey",
    "private_key",
    "privatekey",
    "access_token",
    "accesstoken",
    "auth_token",
    "authtoken",
    "credential",
    "authorization",
    "cookie",
)
# Members of which the one says what the other is: of std::map's pairs, of headers and settings.
PAIRS = (("first", "second"), ("key", "value"), ("name", "value"))


def mask_texts(value: Value, name: str) -> Value:
    """A value of a variable or member without texts that look secret."""
    return _mask(value, is_secret=_names_secret(name))


def _names_secret(name: str) -> bool:
    return any(word in name.lower() for word in NAMES)


def _mask(value: Value, *, is_secret: bool) -> Value:
    if value.text.startswith('"') and len(value.text) > 2:  # noqa: PLR2004 (its quotes)
        value = value._replace(text=_mask_text(value.text, is_secret=is_secret))
    if value.pointee is not None:
        value = value._replace(pointee=_mask(value.pointee, is_secret=is_secret))
    if value.children:
        private = _list_private(value)
        children = tuple(
            _mask(child, is_secret=True)
            if child.name in private or _follows_option(value, number)
            else _mask(child, is_secret=is_secret)
            if child.name.startswith("[") or not child.name or is_secret
            else mask_texts(child, child.name)
            for number, child in enumerate(value.children)
        )
        value = value._replace(children=children)
    return value


def _list_private(value: Value) -> set[str]:
    """The members that another member says are secret: the value of a key."""
    members = {child.name: child for child in value.children}
    return {
        second
        for first, second in PAIRS
        if first in members and second in members and _names_secret(_read_text(members[first]))
    }


def _follows_option(value: Value, number: int) -> bool:
    """Whether an element of a list is what the option before it asks for: `--password`, `x`."""
    before = value.children[number - 1] if number else None
    return (
        before is not None
        and before.name.startswith("[")
        and names_secret_option(_read_text(before).strip('"'))
    )


def _read_text(value: Value) -> str:
    """A text, or that which a pointer leads to."""
    text = value.pointee.text if value.pointee is not None else value.text
    return text if text.startswith('"') else ""


def _mask_text(text: str, *, is_secret: bool) -> str:
    if is_secret:
        return MASKED
    return mask_secrets(text) if len(text) >= SHORTEST else text
