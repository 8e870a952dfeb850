"""The variables of a procedure: what its records say of them at one offset of its code."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from crashtool.errors import MalformedFile
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.pdb import codeview as cv
from crashtool.formats.pdb.definition_ranges import (
    InFrame,
    InMemory,
    InSection,
    IsConstant,
    LocalPart,
    SymbolPlace,
    Untold,
    read_part,
)
from crashtool.formats.pdb.inline_sites import walk_records
from crashtool.formats.pdb.local_structs import (
    BlockSym,
    BpRelSym,
    Compile2Sym,
    Compile3Sym,
    ConstantSym,
    DataSym,
    FileStaticSym,
    FrameProcSym,
    LocalSym,
    RegisterSym,
    RegRelSym,
)
from crashtool.formats.pdb.module_code import SIGNATURE_SIZE
from crashtool.formats.pdb.registers import EBP, RSP
from crashtool.formats.pdb.structs import ProcSym, RecordHead
from crashtool.formats.pdb.type_records import TypeRecord

if TYPE_CHECKING:
    from crashtool.formats.pdb.msf import MsfStream

MAX_VARIABLES = 1 << 14  # of one procedure, with the calls merged into it
MAX_RECORDS = 1 << 19
IS_ARGUMENT = 1  # CV_LVARFLAGS: fIsParam
HAS_OPTIMIZED_PLACES = 0x80  # CV_PROCFLAGS: CV_PFLAG_OPTDBGINFO
# FRAMEPROCSYM: setjmp, exceptions of C++, SEH, asynchronous ones: code that nothing jumps to is
# entered; and profile-guided layout, which parts functions
IS_ENTERED = 1 << 1 | 1 << 4 | 1 << 6 | 1 << 9 | 1 << 18
LLVM = "clang "  # in what compilers of LLVM call themselves, Rust's and vendors', too
VERSION_REST = 6  # bytes of the back end's version behind its first number
COMPILER_IS_WITHIN = 1 << 12  # bytes of a module's symbols
FIRST_NEW_VERSION = 19  # of MSVC's back end; clang writes higher numbers
EBP_WORD, RETURN_ADDRESS = 4, 8  # bytes
NOWHERE = 1 << 32
LOCAL_BASE, ARGUMENT_BASE = 14, 16  # FRAMEPROCSYM: two bits each
OPENING = frozenset({cv.S_BLOCK32, cv.S_WITH32, cv.S_INLINESITE, cv.S_INLINESITE2})
CLOSING = frozenset({cv.S_END, cv.S_INLINESITE_END})
NO_BASE = "the PDB does not say what the frame's variables are counted from"
ONLY_SOMETIMES = "optimized code: its only place in the PDB is not one for all of the function"
MAKES_FRAME = "the function is making or taking down its frame here"


class LocalSymbol(NamedTuple):
    """A variable; `type` is a type's number, `owner` the record of the call merged into the
    procedure that it belongs to, from the procedure's own, 0 for itself.

    `parts`: where it is, or parts of it are; nowhere when there are none. `is_old`: its record
    is one of those that do not say for which code they hold.
    """

    name: str
    kind: Literal["argument", "local", "static"]
    type: int
    owner: int
    parts: tuple[LocalPart, ...]
    is_old: bool = False


class ProcedureFrame(NamedTuple):
    """How a procedure has laid out its frame. `size`: bytes from the stack pointer to the return
    address. Bases are numbers of registers, 0 without one.

    `is_made`: at the offset that was asked for the frame stands; None where the PDB leaves it open.
    `is_optimized`: its variables need not be where old records say. `has_parts`: code of it may be
    elsewhere, or be entered by an exception's handler, which the code does not show.
    """

    local_base: int
    argument_base: int
    size: int
    is_made: bool | None
    is_optimized: bool
    has_parts: bool = False


class Compiler(NamedTuple):
    """What a module was compiled by. `is_old`: it has old records for all it compiles, optimized
    code, too, as MSVC had before Visual Studio 2015 (/Zo). `is_llvm`: its functions are in one
    piece.
    """

    is_old: bool
    is_llvm: bool


def read_frame(
    data: bytes, inner: int, bases: tuple[int, ...], compiler: Compiler
) -> ProcedureFrame:
    """The frame of the procedure whose records these are, at an offset from its start.

    `bases`: the registers that S_FRAMEPROC means by its two bits; MSVC writes it behind the
    variables, clang before them.
    """
    procedure = ProcSym.read(data)
    flags = size = 0
    optimized = compiler.is_old or bool(procedure.flags & HAS_OPTIMIZED_PLACES)
    for record, head in walk_records(data):
        if head.kind == cv.S_FRAMEPROC:
            sym = FrameProcSym.read(data, record)
            flags, size = sym.flags, sym.frame_size + sym.saved_registers_size
        optimized = optimized or head.kind in (cv.S_LOCAL, cv.S_REGISTER)
    made = procedure.debug_start <= inner <= procedure.debug_end if procedure.debug_end else None
    return ProcedureFrame(
        bases[flags >> LOCAL_BASE & 3],
        bases[flags >> ARGUMENT_BASE & 3],
        size,
        made,
        optimized,
        has_parts=optimized and not (compiler.is_llvm and not flags & IS_ENTERED),
    )


def read_compiler(stream: MsfStream) -> Compiler:
    """What a module says that it was compiled by; one that says nothing counts as old."""
    data = stream.read(SIGNATURE_SIZE, COMPILER_IS_WITHIN)
    offset = 0
    while offset + RecordHead.SIZE <= len(data):
        head = RecordHead.read(data, offset)
        if head.kind == cv.S_COMPILE3:
            version = Compile3Sym.read(data, offset).back_major
            name = stream.read_string(SIGNATURE_SIZE + offset + Compile3Sym.SIZE + VERSION_REST)
            return Compiler(version < FIRST_NEW_VERSION, LLVM in name)
        if head.kind == cv.S_COMPILE2:
            version = Compile2Sym.read(data, offset).back_major
            return Compiler(version < FIRST_NEW_VERSION, is_llvm=False)
        offset += max(head.size + 2, RecordHead.SIZE)
    return Compiler(is_old=True, is_llvm=False)


def read_locals(
    data: bytes, position: tuple[int, int], sites: frozenset[int], frame: ProcedureFrame
) -> list[LocalSymbol]:
    """The variables that are visible at a section and an offset in it, in the order of records.

    `data`: the records of a procedure. `sites`: of those of merged calls, which are under way.
    MalformedFile for what is cut short, or too much.
    """
    return _LocalsReading(data, position, sites, frame).read()


class _LocalsReading:
    """One way through a procedure's records; `scopes`: (owner, whether the offset is in it)."""

    def __init__(
        self, data: bytes, position: tuple[int, int], sites: frozenset[int], frame: ProcedureFrame
    ) -> None:
        self.data = data
        self.position = position
        self.sites = sites
        self.frame = frame
        self.scopes = [(0, True)]
        self.symbols: list[LocalSymbol] = []

    def read(self) -> list[LocalSymbol]:
        has_ranges = False  # places of the last variable may follow
        for count, (record, head) in enumerate(walk_records(self.data)):
            if count >= MAX_RECORDS or len(self.symbols) > MAX_VARIABLES:
                raise MalformedFile("a procedure of too many symbols", offset=record)
            if head.kind in cv.RANGES:
                if has_ranges:
                    self._add_part(record)
                continue
            has_ranges = False
            if head.kind in OPENING:
                self._open(record, head)
            elif head.kind in CLOSING and len(self.scopes) > 1:
                self.scopes.pop()
            elif self.scopes[-1][1] and head.kind in READERS:
                self.symbols.append(READERS[head.kind](self, record, head))
                has_ranges = head.kind in (cv.S_LOCAL, cv.S_FILESTATIC)
        # MSVC writes what it has optimized twice, the second time as if it had one place for ever.
        exact = {(symbol.owner, symbol.name) for symbol in self.symbols if not symbol.is_old}
        return [
            symbol
            for symbol in self.symbols
            if not symbol.is_old or (symbol.owner, symbol.name) not in exact
        ]

    def _open(self, record: int, head: RecordHead) -> None:
        owner, is_here = self.scopes[-1]
        if head.kind == cv.S_BLOCK32:
            block = BlockSym.read(self.data, record)
            section, offset = self.position
            inside = 0 <= offset - block.offset < block.length
            is_here = is_here and block.section == section and inside
        elif head.kind != cv.S_WITH32:
            owner, is_here = record, record in self.sites
        self.scopes.append((owner, is_here))

    def _add_part(self, record: int) -> None:
        part = read_part(self.data, record, self.position)
        if part is not None:
            last = self.symbols[-1]
            if isinstance(part.place, InFrame):
                base = (
                    self.frame.argument_base if last.kind == "argument" else self.frame.local_base
                )
                part = part._replace(place=self._in_frame(part.place, base))
            self.symbols[-1] = last._replace(parts=(*last.parts, part))

    def _in_frame(self, frame: InFrame, base: int) -> InMemory | Untold:
        if not base:
            return Untold(NO_BASE)
        if frame.is_everywhere and self.frame.is_made is False:
            return Untold(MAKES_FRAME)
        return InMemory(base, frame.offset, is_in_frame=True)

    def read_local(self, record: int, _head: RecordHead) -> LocalSymbol:
        sym = LocalSym.read(self.data, record)
        kind: Literal["argument", "local"] = "argument" if sym.flags & IS_ARGUMENT else "local"
        return self._new(record + LocalSym.SIZE, kind, sym.type)

    def read_file_static(self, record: int, _head: RecordHead) -> LocalSymbol:
        sym = FileStaticSym.read(self.data, record)
        return self._new(record + FileStaticSym.SIZE, "static", sym.type)

    def read_relative(self, record: int, _head: RecordHead) -> LocalSymbol:
        sym = RegRelSym.read(self.data, record)
        return self._new_old(record + RegRelSym.SIZE, sym.type, sym.register, sym.offset)

    def read_bp_relative(self, record: int, _head: RecordHead) -> LocalSymbol:
        """Counted from ebp where the procedure has it as its frame pointer."""
        sym = BpRelSym.read(self.data, record)
        base = EBP if self.frame.local_base == EBP else 0
        return self._new_old(record + BpRelSym.SIZE, sym.type, base, sym.offset)

    def read_register(self, record: int, _head: RecordHead) -> LocalSymbol:
        sym = RegisterSym.read(self.data, record)
        symbol = self._new(record + RegisterSym.SIZE, "local", sym.type, Untold(ONLY_SOMETIMES))
        return symbol._replace(is_old=True)

    def read_static(self, record: int, head: RecordHead) -> LocalSymbol:
        sym = DataSym.read(self.data, record)
        section = InSection(sym.section, sym.offset, head.kind in cv.THREAD_DATA)
        return self._new(record + DataSym.SIZE, "static", sym.type, section)

    def read_constant(self, record: int, head: RecordHead) -> LocalSymbol:
        start = record + ConstantSym.SIZE
        rest = TypeRecord(head.kind, self.data[start : record + 2 + head.size], record)
        value, end = rest.read_numeric(0)
        sym = ConstantSym.read(self.data, record)
        return self._new(start + end, "local", sym.type, IsConstant(value))

    def _new_old(self, name: int, number: int, base: int, offset: int) -> LocalSymbol:
        if not base:
            place: InMemory | Untold = Untold(NO_BASE)
        elif self.frame.is_optimized:
            place = Untold(ONLY_SOMETIMES)
        elif self.frame.is_made is False:
            place = Untold(MAKES_FRAME)
        else:
            place = InMemory(base, offset, is_in_frame=True)
        symbol = self._new(name, "local", number, place)
        is_argument = symbol.name == "this" or offset >= self._first_argument(base)
        return symbol._replace(kind="argument" if is_argument else "local", is_old=True)

    def _first_argument(self, base: int) -> int:
        """Where arguments begin: behind the saved frame pointer, or the frame, and the return."""
        if base == EBP:
            return 2 * EBP_WORD
        return self.frame.size + RETURN_ADDRESS if base == RSP else NOWHERE

    def _new(
        self,
        name: int,
        kind: Literal["argument", "local", "static"],
        number: int,
        place: SymbolPlace | None = None,
    ) -> LocalSymbol:
        end = self.data.find(b"\0", name)
        text = self.data[name : end if end >= 0 else None].decode("utf-8", "replace")
        parts = (LocalPart(place),) if place is not None else ()
        return LocalSymbol(text, kind, number, self.scopes[-1][0], parts)


READERS: dict[int, Callable[[_LocalsReading, int, RecordHead], LocalSymbol]] = {
    cv.S_LOCAL: _LocalsReading.read_local,
    cv.S_FILESTATIC: _LocalsReading.read_file_static,
    cv.S_REGREL32: _LocalsReading.read_relative,
    cv.S_BPREL32: _LocalsReading.read_bp_relative,
    cv.S_REGISTER: _LocalsReading.read_register,
    cv.S_CONSTANT: _LocalsReading.read_constant,
    **dict.fromkeys(cv.STATIC_DATA, _LocalsReading.read_static),
}
