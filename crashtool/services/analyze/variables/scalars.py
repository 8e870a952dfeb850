"""Numbers, letters and names of enumerations, as C++ writes them."""

from __future__ import annotations

from decimal import Decimal, localcontext
from struct import pack, unpack
from typing import TYPE_CHECKING

from crashtool.services.analyze.variables.content import LostValue

if TYPE_CHECKING:
    from crashtool.formats.variables.data_type import DataType

BITS = 8
LETTERS = ("char", "wchar_t", "char8_t", "char16_t", "char32_t")
LARGEST = 16  # bytes of a number
SIGNED = ("signed", "character")
FLOATS = {2: "<e", 4: "<f", 8: "<d"}
MAX_SHORT_FLOAT, MAX_LONG_DOUBLE = 9, 21  # digits that tell one from all others
EXTENDED_BYTES = 10  # x87: 64 bits of a fraction, 15 of an exponent, a sign
QUAD, QUAD_BYTES, QUAD_BITS, MAX_QUAD = "128", 16, 112, 36  # in the names of such types
EXPONENT_BIAS, MAX_EXPONENT = 16383, 0x7FFF
FIRST_PRINTED, LAST_ASCII = 0x20, 0x7E
MAX_CODE_POINT = 0x10FFFF
SURROGATES = range(0xD800, 0xE000)
UNDECODED = range(0xDC80, 0xDD00)  # what bytes become that are no UTF-8
ESCAPES = {0: "\\0", 7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 13: "\\r", 27: "\\e", 92: "\\\\"}


def read_number(kind: DataType, content: bytes) -> int:
    """The bytes of a value as a number, with a sign where its type has one."""
    return int.from_bytes(content, "little", signed=is_signed(kind))


def is_signed(kind: DataType) -> bool:
    """Whether numbers of a type have a sign."""
    if kind.kind == "enum":
        details = kind.details
        if details.target is None:
            return any(value < 0 for value, _ in details.enumerators)
        return details.target.encoding in SIGNED
    return kind.kind == "base" and kind.encoding in SIGNED


def is_letter(kind: DataType) -> bool:
    """Whether it is of texts; other types of one byte are numbers."""
    return kind.plain_name in LETTERS and kind.size in (1, 2, 4)


def format_scalar(kind: DataType, number: int) -> str:
    """A number of a base type or an enumeration, that is no fraction."""
    if kind.kind == "enum":
        return _format_enumerator(kind, number)
    if kind.encoding == "boolean":
        return ("false", "true")[number] if number in (0, 1) else str(number)
    if is_letter(kind):
        letter = format_letter(number & (1 << BITS * (kind.size or 1)) - 1, kind.size or 1)
        return f"{number} {letter}" if letter else str(number)
    return str(number)


def format_letter(number: int, size: int) -> str:
    """A letter in quotes; "" for what is none."""
    if number in ESCAPES:
        return f"'{ESCAPES[number]}'"
    if number == ord("'"):
        return "'\\''"
    is_ascii = FIRST_PRINTED <= number <= LAST_ASCII
    if is_ascii or (size > 1 and LAST_ASCII < number <= MAX_CODE_POINT):
        letter = chr(number)
        return f"'{letter}'" if number not in SURROGATES and letter.isprintable() else ""
    return ""


def _format_enumerator(kind: DataType, number: int) -> str:
    """A name, or the names of single bits that make up a number, or the number."""
    rows = kind.details.enumerators
    for value, name in rows:
        if value == number:
            return name
    left, names = number, []
    for value, name in rows:
        if value > 0 and not value & value - 1 and left & value:
            names.append(name)
            left &= ~value
    if names and not left:
        return " | ".join(names)
    return str(number)


def format_float(content: bytes, architecture: str, name: str = "") -> str:
    """The bytes of a floating point number; `name`: its type's. LostValue for an unknown kind."""
    form = FLOATS.get(len(content))
    if form:
        (value,) = unpack(form, content)
        return repr(value) if len(content) == BITS else _shorten(value, content, form)
    is_quad = QUAD in name or architecture == "arm64"
    if is_quad and len(content) == QUAD_BYTES:
        return _format_quad(content)
    if not is_quad and architecture in ("x86_64", "x86") and len(content) in (10, 12, 16):
        return _format_extended(content[:EXTENDED_BYTES])
    raise LostValue("unknown", "a number of a kind that is not read")


def format_complex(content: bytes, architecture: str, name: str = "") -> str:
    """The bytes of a complex number, the real part first: 1.0 - 2.0i."""
    half = len(content) // 2
    real, imaginary = (
        format_float(part, architecture, name) for part in (content[:half], content[half:])
    )
    sign = "-" if imaginary.startswith("-") else "+"
    return f"{real} {sign} {imaginary.removeprefix('-')}i"


def _shorten(value: float, content: bytes, form: str) -> str:
    """The fewest digits that are this number and no other."""
    for digits in range(1, MAX_SHORT_FLOAT + 1):
        text = f"{value:.{digits}g}"
        try:
            if pack(form, float(text)) == content:
                return repr(float(text))
        except OverflowError:
            continue
    return repr(value)


def _format_extended(content: bytes) -> str:
    """An x87 number, `long double` of Linux (Intel SDM, volume 1, 4.2.2)."""
    fraction = int.from_bytes(content[:8], "little")
    rest = int.from_bytes(content[8:], "little")
    exponent = rest & MAX_EXPONENT
    if exponent == MAX_EXPONENT:
        fraction &= (1 << 63) - 1  # its highest bit is no part of the fraction
    elif exponent and not fraction >> 63:
        raise LostValue("unknown", "no number: processors refuse it")
    return _format_wide(bool(rest >> 15), exponent, fraction, 63)


def _format_quad(content: bytes) -> str:
    """A number of IEEE 754's binary128, `long double` of ARM64 Linux, `__float128` elsewhere."""
    number = int.from_bytes(content, "little")
    exponent, fraction = number >> 112 & MAX_EXPONENT, number & (1 << 112) - 1
    if exponent not in (0, MAX_EXPONENT):
        fraction |= 1 << 112
    return _format_wide(bool(number >> 127), exponent, fraction, 112)


def _format_wide(is_negative: bool, exponent: int, fraction: int, places: int) -> str:
    """The fewest digits of a number whose exponent has 15 bits; `places`: bits behind the point."""
    sign = "-" if is_negative else ""
    if exponent == MAX_EXPONENT:
        return "nan" if fraction else f"{sign}inf"
    if not fraction:
        return f"{sign}0.0"
    most = MAX_LONG_DOUBLE if places < QUAD_BITS else MAX_QUAD
    with localcontext() as context:
        context.prec = 3 * most
        step = Decimal(2) ** (max(exponent, 1) - EXPONENT_BIAS - places)
        number = Decimal(fraction) * step
        for digits in range(1, most + 1):
            text = f"{number:.{digits - 1}e}"
            if abs(Decimal(text) - number) < step / 2:
                break
        short = Decimal(text)
        text = format(short, "f") if -4 < short.adjusted() < LARGEST else format(short, "e")  # noqa: PLR2004
    return sign + (text if "." in text or "e" in text else f"{text}.0")


def quote(content: bytes, size: int, *, is_cut: bool) -> str:
    """A text of letters of `size` bytes in quotes, with an ellipsis when more of it follows."""
    encoding = {1: "utf-8", 2: "utf-16-le", 4: "utf-32-le"}[size]
    text = content.decode(encoding, "surrogateescape" if size == 1 else "replace")
    shown = "".join(map(_escape, text))
    return f'"{shown}"' + ("…" if is_cut else "")


def _escape(letter: str) -> str:
    number = ord(letter)
    if letter == '"':
        return '\\"'
    if number in UNDECODED:
        return f"\\x{number & 0xFF:02x}"
    return ESCAPES.get(number) or (letter if letter.isprintable() else _escape_number(number))


def _escape_number(number: int) -> str:
    return f"\\x{number:02x}" if number < 1 << BITS else f"\\u{number:04x}"
