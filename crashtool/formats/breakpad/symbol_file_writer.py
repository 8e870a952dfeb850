"""Writing a .sym file: blocks of functions in the order of addresses, and what stands before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from crashtool.formats.breakpad.block_pieces import BlockPiece, cut_block, list_pieces
from crashtool.formats.breakpad.symbol_blocks import Spool, SymbolBlocks, name_line, one_line
from crashtool.formats.named_tuple import NamedTuple

OMITTED = "<name omitted>"


class ModuleLine(NamedTuple):
    """What a .sym file begins with. `system` and `architecture` as Breakpad spells them.

    `code_id` and `code_file` are "" when not known.
    """

    system: str
    architecture: str
    identifier: str
    name: str
    code_id: str = ""
    code_file: str = ""


class CodeNames(Protocol):
    """What names code that no block does.

    Without `has_sizes` a name reaches to the next one: over the padding behind a function, too.
    """

    has_sizes: bool

    def walk_spans(self) -> Iterator[tuple[int, int]]:
        """First address and end of each piece, in the order of addresses."""
        ...

    def name(self, start: int) -> str:
        """The readable name of the piece that begins at an address."""
        ...


class NoNames:
    """No names."""

    has_sizes = True

    def walk_spans(self) -> Iterator[tuple[int, int]]:
        """None."""
        return iter(())

    def name(self, start: int) -> str:  # noqa: ARG002
        """None."""
        return ""


class BlockPart(NamedTuple):
    """Blocks that one has put down, and where their text is."""

    blocks: SymbolBlocks
    spool: Spool


def walk_symbol_file(
    module: ModuleLine, parts: Sequence[BlockPart], symbols: CodeNames | None = None
) -> Iterator[str]:
    """The records of a .sym file but for STACK, as pieces of text, in the order that readers like.

    Code has one FUNC record: where blocks overlap, that of the one that begins last. `symbols`, in
    the order of addresses, name what no block does. All records have a size, also those without
    lines: it keeps the code behind them out.
    """
    name, code_file = one_line(module.name), one_line(module.code_file)
    yield f"MODULE {module.system} {module.architecture} {module.identifier} {name}\n"
    if module.code_id:
        yield f"INFO CODE_ID {module.code_id} {code_file}".rstrip() + "\n"
    for part in parts:
        for path, number in part.blocks.files.items():
            yield f"FILE {number} {one_line(path)}\n"
    for part in parts:
        for origin, number in part.blocks.origins.items():
            yield f"INLINE_ORIGIN {number} {origin}\n"
    yield from _Merger(parts).walk(symbols or NoNames())


class _Merger:
    """Puts the blocks of all parts in order."""

    def __init__(self, parts: Sequence[BlockPart]) -> None:
        self._parts = parts
        self._named = self._list(lambda is_named: is_named)
        self._nameless = self._list(lambda is_named: not is_named)

    def _list(self, is_wanted: Callable[[bool], bool]) -> list[BlockPiece]:
        rows = (
            (block.start, block.size, number, index)
            for number, part in enumerate(self._parts)
            for index, block in enumerate(part.blocks.blocks)
            if is_wanted(block.is_named) and block.size > 0
        )
        return list_pieces(rows)

    def walk(self, symbols: CodeNames) -> Iterator[str]:
        """FUNC records with theirs."""
        rest = _Rest(self._nameless, symbols, self._read)
        address = 0
        for piece in self._named:
            yield from rest.walk(address, piece.start)
            name, lines = self._read(piece)
            yield f"FUNC {piece.start:x} {piece.end - piece.start:x} 0 {name}\n{lines}"
            address = piece.end
        yield from rest.walk(address, 1 << 64)

    def _read(self, piece: BlockPiece) -> tuple[str, str]:
        """The name and the records of a piece of a block."""
        part = self._parts[piece.part]
        block = part.blocks.blocks[piece.number]
        part.spool.seek(block.offset)
        name, _, text = part.spool.read(block.length).decode("utf-8", "replace").partition("\n")
        if (piece.start, piece.end) != (block.start, block.end):
            text = cut_block(text, piece.start, piece.end)
        return name, text


class _Rest:
    """What symbols and lines alone know of code between functions; asked for it in order."""

    def __init__(
        self,
        pieces: list[BlockPiece],
        symbols: CodeNames,
        read: Callable[[BlockPiece], tuple[str, str]],
    ) -> None:
        self._pieces = pieces
        self._at = 0
        self._name = symbols.name
        self._has_sizes = symbols.has_sizes
        self._symbols = symbols.walk_spans()
        self._symbol = next(self._symbols, None)
        self._read = read

    def walk(self, low: int, high: int) -> Iterator[str]:
        """FUNC records of the code from `low` to before `high`."""
        if low >= high:
            return
        pieces = self._take_pieces(low, high)
        address = low
        while self._symbol is not None and self._symbol[0] < high:
            first, end = self._symbol
            start, stop = max(first, address), min(end, high)
            if start < stop and (first >= low or self._has_sizes):
                yield from self._write(pieces, address, start)
                yield f"FUNC {start:x} {stop - start:x} 0 {name_line(self._name(first))}\n"
                yield from (text for _, _, text in self._cut(pieces, start, stop))
                address = stop
            if end > high:
                break  # the rest of it is behind the next function
            self._symbol = next(self._symbols, None)
        yield from self._write(pieces, address, high)

    def _take_pieces(self, low: int, high: int) -> list[BlockPiece]:
        """The pieces that are there, cut to what is."""
        while self._at < len(self._pieces) and self._pieces[self._at].end <= low:
            self._at += 1
        pieces = []
        for at in range(self._at, len(self._pieces)):
            piece = self._pieces[at]
            if piece.start >= high:
                break
            start, end = max(low, piece.start), min(high, piece.end)
            pieces.append(piece._replace(start=start, end=end))
        return pieces

    def _write(self, pieces: list[BlockPiece], low: int, high: int) -> Iterator[str]:
        for start, end, text in self._cut(pieces, low, high):
            if text:
                yield f"FUNC {start:x} {end - start:x} 0 {OMITTED}\n{text}"

    def _cut(self, pieces: list[BlockPiece], low: int, high: int) -> Iterator[tuple[int, int, str]]:
        """What pieces have of some code, with their lines."""
        for piece in pieces:
            start, end = max(low, piece.start), min(high, piece.end)
            if start < end:
                yield start, end, self._read(piece._replace(start=start, end=end))[1]
