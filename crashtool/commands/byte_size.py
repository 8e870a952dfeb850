"""Sizes as options take them: 500M, 2G."""

from __future__ import annotations

import click

SIZE_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class ByteSize(click.ParamType[int]):
    """A number of bytes, with K, M, G or T for powers of 1,024, as sizes are printed."""

    name = "size"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """500M → 524288000."""
        if isinstance(value, int):
            return value
        text = value.strip().upper().removesuffix("B")
        unit = text[-1:] if text[-1:].isalpha() else ""
        digits = text.removesuffix(unit)
        if unit not in SIZE_UNITS or not digits.isascii() or not digits.isdigit() or digits == "0":
            self.fail(f"'{value}' is not a size such as 500M or 2G", param, ctx)
        return int(digits) * SIZE_UNITS[unit]
