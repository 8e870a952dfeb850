"""Sizes as options take them: 500M, 2G."""

from __future__ import annotations

import click

SIZE_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


class ByteSize(click.ParamType[int]):
    """A number of bytes, with K, M, G or T for thousands, millions and so on."""

    name = "size"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """500M → 500000000."""
        if isinstance(value, int):
            return value
        text = value.strip().upper().removesuffix("B")
        unit = text[-1:] if text[-1:].isalpha() else ""
        digits = text.removesuffix(unit)
        if unit not in SIZE_UNITS or not digits.isascii() or not digits.isdigit() or digits == "0":
            self.fail(f"'{value}' is not a size such as 500M or 2G", param, ctx)
        return int(digits) * SIZE_UNITS[unit]
