"""Location expressions: where a variable is, by the registers and the memory of its frame.

The operations: DWARF 5, 2.5 and 7.7.1; GNU's numbers of those that came later. What is not known
for sure is no place: `LostPlace` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NoReturn, cast

from crashtool.formats.dwarf.forms import REFERENCE_IS_OFFSET, Cursor, DamagedDwarf
from crashtool.formats.dwarf.typed_values import GENERIC, Item, StackType, calculate, compare
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.variables.places import (
    ConstantPlace,
    LossState,
    LostPlace,
    MemoryPlace,
    Piece,
    PiecesPlace,
    Place,
    PointeePlace,
    RegisterPlace,
)

if TYPE_CHECKING:
    from crashtool.formats.dwarf.units import Unit
    from crashtool.formats.variables.frame_view import FrameView

MAX_STEPS = 1 << 10
MAX_ITEMS = 1 << 8
MAX_PIECES = 1 << 8
BITS = 8
DW_OP_lit, DW_OP_reg, DW_OP_breg = range(0x30, 0x50), range(0x50, 0x70), range(0x70, 0x90)
NUMBERS = {  # DW_OP_const1u to DW_OP_const8s: size in bytes, and whether it has a sign
    0x08 + 2 * step + signed: (1 << step, bool(signed)) for step in range(4) for signed in range(2)
}
ARITHMETIC = {  # DW_OP_and to DW_OP_xor
    0x1A: "and", 0x1B: "div", 0x1C: "minus", 0x1D: "mod", 0x1E: "mul", 0x21: "or", 0x22: "plus",
    0x24: "shl", 0x25: "shr", 0x26: "shra", 0x27: "xor",
}  # fmt: skip
COMPARISONS = {0x29: "eq", 0x2A: "ge", 0x2B: "gt", 0x2C: "le", 0x2D: "lt", 0x2E: "ne"}
# What ends the description of a place
DW_OP_regx = 0x90
DW_OP_piece = 0x93
DW_OP_bit_piece = 0x9D
DW_OP_implicit_value = 0x9E
DW_OP_stack_value = 0x9F
DW_OP_implicit_pointer, DW_OP_GNU_implicit_pointer = 0xA0, 0xF2
TYPED_REGISTERS = (b"\xa5", b"\xf5")  # DW_OP_regval_type, and GNU's
VECTOR = 16  # bytes of a register that holds fractions


class Unlocatable(Exception):
    """It cannot be told where a variable is, and why."""

    def __init__(self, state: LossState, reason: str) -> None:
        super().__init__(reason)
        self.place = LostPlace(state, reason)


def _refuse_thread_local(_: int) -> NoReturn:
    raise Unlocatable("unknown", "it is of the thread")


def _refuse_parameter(_: int) -> NoReturn:
    raise Unlocatable("unknown", "it is of a function's caller")


class Scope(NamedTuple):
    """What an expression may refer to: the frame, the unit that it stands in, and what only others
    can tell. Each of them raises Unlocatable.

    `registers`: names by DWARF's numbers. `bias`: what is added to addresses of the file.
    """

    frame: FrameView
    unit: Unit
    registers: Mapping[int, str]
    bias: int
    find_frame_base: Callable[[], int]
    find_entry_value: Callable[[bytes], bytes]
    find_stack_type: Callable[[int], StackType]
    find_pointee: Callable[[int, int], PointeePlace]
    find_thread_local: Callable[[int], int] = _refuse_thread_local
    find_parameter: Callable[[int], bytes] = _refuse_parameter


def find_place(expression: bytes, scope: Scope) -> Place:
    """The place that an expression describes. DamagedDwarf when it makes no sense."""
    if not expression:
        return LostPlace("optimized_out", "")
    try:
        return _LocationMachine(expression, scope).find_place()
    except Unlocatable as lost:
        return lost.place


def find_content(expression: bytes, scope: Scope) -> bytes:
    """The bytes of what an expression computes, the lowest first: of an address's size, or as many
    as its type, its register or its constant has. Unlocatable; DamagedDwarf as above.
    """
    return _LocationMachine(expression, scope).find_content()


def find_member_offset(expression: bytes, unit: Unit, frame: FrameView, address: int) -> int | None:
    """Where a member begins in the object at an address, by the expression that computes that; None
    where something that it needs is not known.
    """

    def refuse(*_: object) -> NoReturn:
        lose("it is not of a function")

    machine = _LocationMachine(
        expression, Scope(frame, unit, {}, 0, refuse, refuse, refuse, refuse)
    )
    machine.push(address)
    try:
        place = machine.find_place()
    except Unlocatable:
        return None
    return place.address - address if isinstance(place, MemoryPlace) else None


class _LocationMachine:
    """One expression on its way: a stack of values, and the place that the last steps gave."""

    def __init__(self, expression: bytes, scope: Scope) -> None:
        self.scope = scope
        self.cursor = Cursor(expression)
        self.width = scope.unit.sizes.address
        self.stack: list[Item] = []
        self.place: Place | None = None
        self.pieces: list[Piece] = []

    def find_place(self) -> Place:
        self._run()
        if self.pieces:
            return PiecesPlace(tuple(self.pieces))
        return self._take_place()

    def find_content(self) -> bytes:
        self._run()
        if self.pieces or isinstance(self.place, (PointeePlace, LostPlace)):
            lose("its value is in pieces")
        if isinstance(self.place, RegisterPlace):
            return self.read_whole_register(self.place.register)
        if self.place is None:
            self.end_with_value()
        return cast("ConstantPlace", self.place).content

    def _run(self) -> None:
        cursor = self.cursor
        for _ in range(MAX_STEPS):
            if cursor.offset >= cursor.end:
                return
            self._take_step(cursor.number(1))
            if len(self.stack) > MAX_ITEMS or len(self.pieces) > MAX_PIECES:
                self.damaged("too long")
        self.damaged("endless")

    def _take_step(self, operation: int) -> None:
        if self.place is not None and operation not in (DW_OP_piece, DW_OP_bit_piece):
            self.damaged("a place in the middle of an expression")
        if operation in DW_OP_lit:
            self.push(operation - DW_OP_lit.start)
        elif operation in DW_OP_breg:
            self.push_register(operation - DW_OP_breg.start)
        elif operation in DW_OP_reg:
            self.place = self._name_register(operation - DW_OP_reg.start)
        elif operation in NUMBERS:
            size, signed = NUMBERS[operation]
            self.push(self.cursor.number(size, signed=signed))
        elif operation in ARITHMETIC:
            right, left = self.pop(), self.pop()
            self.push_item(calculate(ARITHMETIC[operation], left, right, self.width))
        elif operation in COMPARISONS:
            right, left = self.pop(), self.pop()
            self.push(compare(COMPARISONS[operation], left, right, self.width))
        elif operation in OPERATIONS:
            OPERATIONS[operation](self)
        else:
            lose(f"its place is described by an operation that is not known ({operation:#x})")

    def damaged(self, what: str) -> NoReturn:
        raise DamagedDwarf(f"a location expression is damaged ({what})", offset=self.cursor.offset)

    def push(self, value: int) -> None:
        self.stack.append(Item(value & (1 << BITS * self.width) - 1, GENERIC))

    def push_item(self, item: Item | None) -> None:
        if item is None:
            lose("its value is computed in a way that is not known")
        self.stack.append(item)

    def pop(self) -> Item:
        if not self.stack:
            self.damaged("a stack without values")
        return self.stack.pop()

    def pop_number(self) -> int:
        """A value as an address."""
        item = self.pop()
        if not isinstance(item.value, int):
            self.damaged("a fraction for an address")
        return item.value & (1 << BITS * self.width) - 1

    def read_whole_register(self, name: str) -> bytes:
        content = self.scope.frame.read_register(name)
        if content is None:
            lose_register(name)
        return content

    def _name_register(self, number: int) -> RegisterPlace:
        name = self.scope.registers.get(number)
        if name is None:
            lose(f"it is in a register that is not known (number {number})")
        return RegisterPlace(name)

    def push_register(self, number: int) -> None:
        distance = self.cursor.sleb()
        content = self.read_whole_register(self._name_register(number).register)
        self.push(int.from_bytes(content[: self.width], "little") + distance)

    def read_memory(self, size: int) -> bytes:
        address = self.pop_number()
        content = self.scope.frame.read_memory(address, size)
        if content is None:
            raise Unlocatable("not_in_dump", f"memory at {address:#x}, which leads to it")
        return content

    def _take_place(self) -> Place:
        place, self.place = self.place, None
        return MemoryPlace(self.pop_number()) if place is None else place

    def end_piece(self, size: int) -> None:
        is_nowhere = self.place is None and not self.stack
        place = LostPlace("optimized_out", "") if is_nowhere else self._take_place()
        self.pieces.append(Piece(place, size))

    def end_bits(self) -> None:
        size, offset = self.cursor.uleb(), self.cursor.uleb()
        if size % BITS or offset:
            lose("it is in single bits of other values")
        self.end_piece(size // BITS)

    def end_with_value(self) -> None:
        item = self.pop()
        content = item.pack(self.width)
        if content is None:
            lose("its value is computed in a way that is not known")
        self.place = ConstantPlace(content)

    def name_place(self) -> None:
        self.place = self._name_register(self.cursor.uleb())

    def take_implicit_value(self) -> None:
        self.place = ConstantPlace(bytes(self.cursor.take(self.cursor.uleb())))

    def take_implicit_pointer(self) -> None:
        sizes = self.scope.unit.sizes
        is_offset = sizes.version >= REFERENCE_IS_OFFSET
        target = self.cursor.number(sizes.offset if is_offset else sizes.address)
        self.place = self.scope.find_pointee(target, self.cursor.sleb())

    def push_entry_value(self) -> None:
        """What was in a register of some type, or in another place, when the function began."""
        expression = bytes(self.cursor.take(self.cursor.uleb()))
        content = self.scope.find_entry_value(expression)
        kind = GENERIC
        if expression[:1] in TYPED_REGISTERS:
            operands = Cursor(expression, 1)
            operands.uleb()
            kind = self.scope.find_stack_type(operands.uleb())
        if kind is GENERIC:
            self.push(int.from_bytes(content[: self.width], "little"))
        elif len(content) not in (kind.size, VECTOR) and kind.kind == "float":
            lose("what the caller handed over is of another size")
        else:
            self.push_item(kind.unpack(content))

    def push_parameter(self) -> None:
        """What the caller computes for a parameter, an entry of this unit."""
        content = self.scope.find_parameter(self.cursor.number(4))
        self.push(int.from_bytes(content[: self.width], "little"))

    def push_cfa(self) -> None:
        cfa = self.scope.frame.cfa
        if cfa is None:
            lose("where its frame begins is not known")
        self.push(cfa)

    def push_thread_local(self) -> None:
        self.push(self.scope.find_thread_local(self.pop_number()))

    def drop(self) -> None:
        self.pop()

    def pick(self, depth: int) -> None:
        if depth >= len(self.stack):
            self.damaged("a stack without values")
        self.stack.append(self.stack[-1 - depth])

    def rotate(self, count: int) -> None:
        top = [self.pop() for _ in range(count)]
        self.stack += (top[0], *reversed(top[1:]))

    def jump(self, distance: int) -> None:
        target = self.cursor.offset + distance
        if not 0 <= target <= self.cursor.end:
            self.damaged("a jump out of it")
        self.cursor.offset = target

    def jump_if(self) -> None:
        distance = self.cursor.number(2, signed=True)
        if self.pop_number():
            self.jump(distance)

    def push_typed(self, read: Callable[[StackType], bytes]) -> None:
        """A value of the type that the operand names."""
        kind = self.scope.find_stack_type(self.cursor.uleb())
        self.push_item(kind.unpack(read(kind)))

    def push_typed_register(self) -> None:
        content = self.read_whole_register(self._name_register(self.cursor.uleb()).register)
        self.push_typed(lambda _: content)

    def push_typed_memory(self) -> None:
        size = self.cursor.number(1)
        content = self.read_memory(size)
        self.push_typed(lambda _: content)

    def convert(self, *, keeps_bits: bool) -> None:
        item, offset = self.pop(), self.cursor.uleb()
        kind = self.scope.find_stack_type(offset) if offset else GENERIC
        self.push_item(
            item.reinterpret(kind, self.width) if keeps_bits else item.convert(kind, self.width)
        )


def lose(reason: str) -> NoReturn:
    """Say that a place is not known."""
    raise Unlocatable("unknown", reason)


def lose_register(name: str) -> NoReturn:
    """Say that a place is not known for a register that the walk does not know."""
    lose(f"{name} of this frame is not known")


def _lose_uninitialized(_: _LocationMachine) -> None:
    lose("it is not initialized here")


OPERATIONS: dict[int, Callable[[_LocationMachine], None]] = {
    0x03: lambda it: it.push(it.cursor.number(it.width) + it.scope.bias),  # DW_OP_addr
    0x06: lambda it: it.push(int.from_bytes(it.read_memory(it.width), "little")),  # DW_OP_deref
    0x10: lambda it: it.push(it.cursor.uleb()),  # DW_OP_constu
    0x11: lambda it: it.push(it.cursor.sleb()),  # DW_OP_consts
    0x12: lambda it: it.pick(0),  # DW_OP_dup
    0x13: _LocationMachine.drop,  # DW_OP_drop
    0x14: lambda it: it.pick(1),  # DW_OP_over
    0x15: lambda it: it.pick(it.cursor.number(1)),  # DW_OP_pick
    0x16: lambda it: it.rotate(2),  # DW_OP_swap
    0x17: lambda it: it.rotate(3),  # DW_OP_rot
    0x19: lambda it: it.push_item(it.pop().change("abs", it.width)),  # DW_OP_abs
    0x1F: lambda it: it.push_item(it.pop().change("neg", it.width)),  # DW_OP_neg
    0x20: lambda it: it.push_item(it.pop().change("not", it.width)),  # DW_OP_not
    0x23: lambda it: it.push(it.pop_number() + it.cursor.uleb()),  # DW_OP_plus_uconst
    0x28: _LocationMachine.jump_if,  # DW_OP_bra
    0x2F: lambda it: it.jump(it.cursor.number(2, signed=True)),  # DW_OP_skip
    DW_OP_regx: _LocationMachine.name_place,
    0x91: lambda it: it.push(it.scope.find_frame_base() + it.cursor.sleb()),  # DW_OP_fbreg
    0x92: lambda it: it.push_register(it.cursor.uleb()),  # DW_OP_bregx
    DW_OP_piece: lambda it: it.end_piece(it.cursor.uleb()),
    0x94: lambda it: it.push(  # DW_OP_deref_size
        int.from_bytes(it.read_memory(it.cursor.number(1)), "little")
    ),
    0x96: lambda _: None,  # DW_OP_nop
    0x9B: _LocationMachine.push_thread_local,  # DW_OP_form_tls_address
    0x9C: _LocationMachine.push_cfa,  # DW_OP_call_frame_cfa
    DW_OP_bit_piece: _LocationMachine.end_bits,
    DW_OP_implicit_value: _LocationMachine.take_implicit_value,
    DW_OP_stack_value: _LocationMachine.end_with_value,
    DW_OP_implicit_pointer: _LocationMachine.take_implicit_pointer,
    0xA1: lambda it: it.push(  # DW_OP_addrx
        it.scope.unit.address_at(it.cursor.uleb()) + it.scope.bias
    ),
    0xA2: lambda it: it.push(it.scope.unit.address_at(it.cursor.uleb())),  # DW_OP_constx
    0xA3: _LocationMachine.push_entry_value,  # DW_OP_entry_value
    0xA4: lambda it: it.push_typed(lambda _: bytes(it.cursor.take(it.cursor.number(1)))),
    0xA5: _LocationMachine.push_typed_register,  # DW_OP_regval_type
    0xA6: _LocationMachine.push_typed_memory,  # DW_OP_deref_type
    0xA8: lambda it: it.convert(keeps_bits=False),  # DW_OP_convert
    0xA9: lambda it: it.convert(keeps_bits=True),  # DW_OP_reinterpret
    0xE0: _LocationMachine.push_thread_local,  # DW_OP_GNU_push_tls_address
    0xFA: _LocationMachine.push_parameter,  # DW_OP_GNU_parameter_ref
    0xF0: _lose_uninitialized,  # DW_OP_GNU_uninit
}
for old, new in {0xF2: 0xA0, 0xF3: 0xA3, 0xF4: 0xA4, 0xF5: 0xA5, 0xF6: 0xA6, 0xF7: 0xA8, 0xF9: 0xA9,
                 0xFB: 0xA1, 0xFC: 0xA2}.items():  # fmt: skip
    OPERATIONS[old] = OPERATIONS[new]
