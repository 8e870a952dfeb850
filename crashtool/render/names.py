"""Names of functions cut to what a line can hold, where they lose least."""

from __future__ import annotations

LONGEST = 1 << 12  # characters that are looked at; hostile symbols have more
ELLIPSIS = "…"
OPERATORS = ("<=>", "<<=", ">>=", "->*", "<<", ">>", "<=", ">=", "->", "()", "<", ">")
KEPT = "(anonymous namespace)"
DEEPEST = 3


def shorten(function: str, limit: int) -> str:
    """`function` in at most `limit` characters.

    Nested template arguments go first, then all of them, then the parameters, then the middle.
    """
    name = function if len(function) <= LONGEST else function[:LONGEST] + ELLIPSIS
    for depth in range(DEEPEST, 0, -1):
        if len(name) <= limit:
            return name
        name = _hollow(name, "<", ">", depth)
    if len(name) > limit:
        name = _hollow(name, "(", ")", 1)
    if len(name) <= limit:
        return name
    head = (limit - 1) // 3
    return name[:head] + ELLIPSIS + name[head + 1 - limit :]


def _hollow(name: str, opening: str, closing: str, depth: int) -> str:
    """`name` with an ellipsis for whatever stands in brackets that are `depth` deep."""
    pieces: list[str] = []
    index = level = 0
    while index < len(name):
        kept = _kept_at(name, index)
        piece = kept or name[index]
        if piece == closing and level:
            level -= 1
            if level == depth - 1:
                pieces.append(ELLIPSIS)
        if level < depth:
            pieces.append(piece)
        if piece == opening:
            level += 1
        index += len(piece)
    if level >= depth:
        pieces.append(ELLIPSIS)
    return "".join(pieces)


def _kept_at(name: str, index: int) -> str:
    """What at `index` only looks like a bracket: an operator's name, an unnamed namespace."""
    if name.startswith("operator", index):
        for operator in OPERATORS:
            if name.startswith(operator, index + len("operator")):
                return "operator" + operator
    if name.startswith(KEPT, index):
        return KEPT
    return "->" if name.startswith("->", index) else ""
