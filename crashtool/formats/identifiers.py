"""Identifiers of modules and debug files: parse, compare, and each convention's spelling."""

from __future__ import annotations

from typing import Self

from crashtool.errors import InputUnusable
from crashtool.formats.named_tuple import NamedTuple

_GUID_ORDER = (3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15)
_DASHES = (8, 13, 18, 23)
_DASHED_LENGTH = 36
_UUID_DIGITS = 32
_SIGNATURE_DIGITS = 8
_HEX_DIGITS = "0123456789abcdefABCDEF"


class DebugId(NamedTuple):
    """What a debug file and its module share: 16 bytes and an age.

    `uuid` is in text order (big-endian). `is_short` marks the ids of PDB 2.0 files (NB10), whose
    first four bytes are a signature and whose spellings leave out the other twelve.
    """

    uuid: bytes
    age: int = 0
    is_short: bool = False

    @classmethod
    def from_uuid(cls, raw: bytes, age: int = 0) -> Self:
        """From the 16 bytes of a UUID in text order, as Mach-O files hold it."""
        return cls(bytes(raw[:16]).ljust(16, b"\0"), age)

    @classmethod
    def from_guid(cls, raw: bytes, age: int = 0) -> Self:
        """From the 16 bytes of a Windows GUID: its first three fields are little-endian."""
        padded = bytes(raw[:16]).ljust(16, b"\0")
        return cls(bytes(padded[offset] for offset in _GUID_ORDER), age)

    @classmethod
    def from_signature(cls, signature: int, age: int) -> Self:
        """From the 32-bit signature and age of an NB10 record."""
        return cls(signature.to_bytes(4, "big").ljust(16, b"\0"), age, is_short=True)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Any spelling: `GUID` + age in hex, dashed with or without `-age`, an NB10's nine or more.

        InputUnusable for anything else.
        """
        digits, age = _split_age(text.strip().removeprefix("{").replace("}", "", 1))
        if (digits + age).strip(_HEX_DIGITS) or len(age) > _SIGNATURE_DIGITS:
            digits = ""
        if len(digits) == _SIGNATURE_DIGITS and age:
            return cls.from_signature(int(digits, 16), int(age, 16))
        if len(digits) == _UUID_DIGITS:
            return cls(bytes.fromhex(digits), int(age or "0", 16))
        raise InputUnusable(
            f"{text[:80]!r} is not a debug id",
            hint="write it as 32 hex digits and the age, or as a dashed UUID with -age",
        )

    @property
    def breakpad(self) -> str:
        """Upper-case GUID and age in hex, as in .sym files and symbol store paths."""
        digits = self.uuid[:4] if self.is_short else self.uuid
        return f"{digits.hex().upper()}{self.age:x}"

    @property
    def text(self) -> str:
        """Lower case and dashed, with `-age` when there is one: symbolic's spelling."""
        digits = self.uuid.hex()
        if self.is_short:
            return f"{digits[:8]}-{self.age:x}"
        parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
        return "-".join(parts) + (f"-{self.age:x}" if self.age else "")

    @property
    def is_nil(self) -> bool:
        """Whether all bytes are zero: what writers leave when the module has no id."""
        return not any(self.uuid)

    def __str__(self) -> str:
        return self.text


class CodeId(NamedTuple):
    """What identifies a program file itself, in lower-case hex: compare this, not spellings.

    PE: time stamp (8 digits) and image size. ELF: build id. Mach-O: UUID.
    """

    value: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """From any spelling: dashes and letter case do not matter. InputUnusable if not hex."""
        value = text.strip().replace("-", "").lower()
        if not value or value.strip(_HEX_DIGITS):
            raise InputUnusable(f"{text[:80]!r} is not a code id", hint="it is made of hex digits")
        return cls(value)

    def __str__(self) -> str:
        return self.value


class BuildId(NamedTuple):
    """The bytes of an ELF file's GNU build id note, of any length."""

    raw: bytes

    @property
    def hex(self) -> str:
        """All bytes in lower-case hex: the ELF code id and debuginfod's key."""
        return self.raw.hex()

    @property
    def debug_id(self) -> DebugId:
        """The first 16 bytes, zero-padded, taken as a GUID: Breakpad's convention; age 0."""
        return DebugId.from_guid(self.raw)

    @property
    def is_nil(self) -> bool:
        """Whether there is no byte, or only zero bytes."""
        return not any(self.raw)

    def __str__(self) -> str:
        return self.hex


def _split_age(text: str) -> tuple[str, str]:
    """The hex digits of the id and those of the age, which may be none."""
    if text[_SIGNATURE_DIGITS : _SIGNATURE_DIGITS + 1] != "-":
        width = _UUID_DIGITS if len(text) >= _UUID_DIGITS else _SIGNATURE_DIGITS
        return text[:width], text[width:]
    if len(text) < _DASHED_LENGTH:
        return text[:_SIGNATURE_DIGITS], text[_SIGNATURE_DIGITS + 1 :]
    if any(text[offset] != "-" for offset in _DASHES):
        return "", ""
    return text[:_DASHED_LENGTH].replace("-", ""), text[_DASHED_LENGTH:].removeprefix("-")
