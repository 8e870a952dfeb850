"""Rules about a URL's characters: what was caught in copying it."""

from __future__ import annotations

from crashtool.formats.submission_url.finding import ERROR, PartlyFixedUrl, UrlFault
from crashtool.formats.submission_url.placeholders import find_variables

INVISIBLE = "\u00ad\u180e\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
OPENERS = {'"': '"', "'": "'", "`": "`", "<": ">", "\u201c": "\u201d", "\u2018": "\u2019"}


def empty(draft: PartlyFixedUrl) -> UrlFault | None:
    """There is a URL at all."""
    if draft.text.strip():
        return None
    return UrlFault(
        ERROR,
        "The URL is empty.",
        "crashpad_handler takes an empty --url as none: reports stay pending and are never sent.",
    )


def control_character(draft: PartlyFixedUrl) -> UrlFault | None:
    """No control character, line feeds among them."""
    bad = [character for character in draft.text.strip() if is_control(character)]
    if not bad:
        return None
    shown = ", ".join(f"U+{ord(character):04X}" for character in dict.fromkeys(bad))
    return UrlFault(
        ERROR,
        f"The URL holds control characters ({shown}).",
        "libcurl refuses such a URL, and WinHTTP puts them into the request as they are.",
        "".join(character for character in draft.text if not is_control(character)),
    )


def blank_around(draft: PartlyFixedUrl) -> UrlFault | None:
    """No blank before or after, no invisible character anywhere."""
    mended = "".join(character for character in draft.text if character not in INVISIBLE).strip()
    if not mended or mended == draft.text:
        return None
    return UrlFault(
        ERROR,
        "There are blanks around the URL, or characters in it that cannot be seen.",
        "With a leading blank WinHTTP does not know the scheme and libcurl refuses the URL.",
        mended,
    )


def wrapping(draft: PartlyFixedUrl) -> UrlFault | None:
    """No quotation marks or angle brackets around it."""
    text = draft.text
    closer = OPENERS.get(text[:1])
    mended = text[1:].removesuffix(closer) if closer else text.rstrip("\"'`\u201d\u2019")
    if mended == text or not mended.strip():
        return None
    return UrlFault(
        ERROR,
        "Quotation marks or brackets belong to the URL's text.",
        "They are no part of a scheme or path: no transport can use the URL.",
        mended,
    )


def backslash(draft: PartlyFixedUrl) -> UrlFault | None:
    """Slashes, not backslashes."""
    if "\\" not in draft.text:
        return None
    return UrlFault(
        ERROR,
        "The URL holds a backslash.",
        "It does not end the host's name: `https://host\\path` looks for a host called "
        "`host\\path`.",
        draft.text.replace("\\", "/"),
    )


def blank_inside(draft: PartlyFixedUrl) -> UrlFault | None:
    """No blank within; in the query it is written %20."""
    if not any(character.isspace() for character in draft.text.strip()):
        return None
    address, question, query = draft.text.partition("?")
    mended = None
    if not any(character.isspace() for character in address):
        mended = (
            address
            + question
            + "".join("%20" if character.isspace() else character for character in query)
        )
    return UrlFault(
        ERROR,
        "There is a blank within the URL.",
        draft.pick_sentence(
            linux="libcurl refuses the URL (error 3), so nothing is sent",
            macos="NSURL refuses the URL, so nothing is sent",
            windows="WinHTTP puts the blank into the request line, which servers refuse",
            android="the socket transport puts the blank into the request line, "
            "which servers refuse",
        ),
        mended,
    )


def non_ascii(draft: PartlyFixedUrl) -> UrlFault | None:
    """Only ASCII after the host; the rest is percent-encoded."""
    parts = draft.parts
    if (parts.path + (parts.query or "")).isascii():
        return None
    mended = parts._replace(
        path=_encode(parts.path), query=None if parts.query is None else _encode(parts.query)
    )
    return UrlFault(
        ERROR,
        "The path or the query holds characters outside ASCII.",
        "Each transport encodes them differently or not at all; the server sees other text.",
        mended.text,
    )


def percent(draft: PartlyFixedUrl) -> UrlFault | None:
    """Each `%` begins a percent-encoded byte."""
    tail = draft.parts.path + "?" + (draft.parts.query or "")
    for variable in find_variables(tail):  # %VAR%, which the rule on placeholders tells
        tail = tail.replace(variable, "")
    if not _stray_percents(tail):
        return None
    whole = draft.parts.path + "?" + (draft.parts.query or "")
    path, _, query = _mend_percents(whole).partition("?")
    mended = draft.parts._replace(path=path, query=None if draft.parts.query is None else query)
    return UrlFault(
        ERROR,
        "A `%` in the URL is not followed by two hex digits.",
        "Servers refuse the request as malformed, or decode something else.",
        None if tail != whole else mended.text,
    )


def is_control(character: str) -> bool:
    """Whether a character is a C0 or C1 control or DEL."""
    return character < " " or "\x7f" <= character <= "\x9f"


def _encode(text: str) -> str:
    return "".join(
        character
        if character.isascii()
        else "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))
        for character in text
    )


def _stray_percents(text: str) -> bool:
    return _mend_percents(text) != text


def _mend_percents(text: str) -> str:
    first, *pieces = text.split("%")
    hex_digits = "0123456789abcdefABCDEF"
    whole = (len(piece[:2].strip()) > 1 and not piece[:2].strip(hex_digits) for piece in pieces)
    return first + "".join(
        ("%" if fine else "%25") + piece for fine, piece in zip(whole, pieces, strict=True)
    )
