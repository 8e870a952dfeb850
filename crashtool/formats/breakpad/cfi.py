"""STACK CFI rules: how to get a caller's registers from a frame's, as postfix expressions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeAlias

ReadPointer: TypeAlias = "Callable[[int], int | None]"

CFA = ".cfa"
RETURN_ADDRESS = ".ra"
MAX_TOKENS = 4096
ARM64_NAMES = {"x29": "fp", "x30": "lr", "x31": "sp"}
ARM_NAMES = {"r13": "sp", "r14": "lr", "r15": "pc", "fp": "r11", "ip": "r12"}
OTHER_NAMES: dict[str, dict[str, str]] = {"arm64": ARM64_NAMES, "arm": ARM_NAMES}


class UnevaluableRule(Exception):
    """A rule that is malformed, or that asks for a register or memory that is not known."""


@lru_cache(maxsize=1024)
def parse_rules(text: str, architecture: str) -> Mapping[str, tuple[str, ...]]:
    """`REG: EXPRESSION REG: EXPRESSION…` as expressions by register; the last of two counts.

    Registers are named as in `formats.minidump.context`. What is before the first register is
    dropped.
    """
    rules: dict[str, tuple[str, ...]] = {}
    name = ""
    expression: list[str] = []
    for word in text.split()[:MAX_TOKENS]:
        if word.endswith(":"):
            if name:
                rules[name] = tuple(expression)
            name, expression = rename(word[:-1], architecture), []
        else:
            expression.append(rename(word, architecture))
    if name:
        rules[name] = tuple(expression)
    return rules


def rename(word: str, architecture: str) -> str:
    """A register by our name for it: `$rsp` is rsp, `.x30` is lr; other tokens as they are."""
    if word in (CFA, RETURN_ADDRESS):
        return word
    if word[:1] in "$.":
        word = word[1:]
    return OTHER_NAMES.get(architecture, {}).get(word, word)


def evaluate(
    expression: tuple[str, ...],
    registers: Mapping[str, int],
    read_pointer: ReadPointer,
    mask: int,
    cfa: int | None = None,
) -> int:
    """The value of a postfix expression, cut to `mask`.

    `+ - * / % @` take two values (`@` aligns the first down to the second), `^` reads a pointer.
    UnevaluableRule when it cannot be had.
    """
    stack: list[int] = []
    try:
        for word in expression:
            if word in registers:
                stack.append(registers[word])
            elif word == CFA and cfa is not None:
                stack.append(cfa)
            elif word == "^":
                stack.append(_read(read_pointer, stack.pop()))
            elif word in OPERATIONS:
                right = stack.pop()
                stack.append(OPERATIONS[word](stack.pop(), right) & mask)
            else:
                stack.append(int(word) & mask)
        (value,) = stack
    except (IndexError, ValueError, ZeroDivisionError) as error:
        raise UnevaluableRule(str(error)) from None
    return value


def _read(read_pointer: ReadPointer, address: int) -> int:
    value = read_pointer(address)
    if value is None:
        raise UnevaluableRule(f"no memory at {address:#x}")
    return value


OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left // right,
    "%": lambda left, right: left % right,
    "@": lambda left, right: left // right * right,
    # Not Breakpad's: what DWARF expressions in unwind tables need besides.
    "and": lambda left, right: left & right,
    "or": lambda left, right: left | right,
    "xor": lambda left, right: left ^ right,
    "shl": lambda left, right: left << min(right, 64),
    "shr": lambda left, right: left >> min(right, 64),
    "eq": lambda left, right: int(left == right),
    "ne": lambda left, right: int(left != right),
    "ge": lambda left, right: int(left >= right),
    "gt": lambda left, right: int(left > right),
    "le": lambda left, right: int(left <= right),
    "lt": lambda left, right: int(left < right),
}
