"""A process to walk in: memory by words, modules with code, functions and unwind rules."""

from crashtool.model.module import Module
from crashtool.services.unwind.unwind_context import NO_TABLES, Loaded, UnwindContext

CODE = 0x400000


class Memory:
    """Words at addresses; `width` is a pointer's size in bytes."""

    def __init__(self, words, width):
        self.bytes = {}
        for address, value in words.items():
            for place, byte in enumerate(value.to_bytes(width, "little")):
                self.bytes[address + place] = byte

    def read(self, address, size):
        found = [self.bytes.get(address + place) for place in range(size)]
        return None if None in found else bytes(found)


class Tables:
    """What is known of a module's code: functions and rules by range, code by address."""

    knows_functions = True
    knows_unwind = True

    def __init__(self, functions=(), cfi=(), win=(), code=None):
        self.functions, self.cfi, self.win, self.code = functions, cfi, win, code
        self.knows_functions = bool(functions)
        self.knows_unwind = bool(cfi or win)

    def find_function(self, address):
        rows = (hit for hit in self.functions if hit.start <= address < hit.start + hit.size)
        return next(rows, None)

    def find_cfi(self, address):
        rows = (row for row in self.cfi if row.start <= address < row.start + row.size)
        return next(rows, None)

    def find_frame_data(self, address):
        rows = (row for row in self.win if row.start <= address < row.start + row.size)
        return next(rows, None)

    def read_code(self, address, size):
        if self.code is None:
            return None
        return bytes(self.code.get(address + place, 0x90) for place in range(size))


def make_scene(
    machine,
    words,
    tables=NO_TABLES,
    *,
    platform="linux",
    name="game",
    executable=None,
    size=0x10000,
    others=(),
):
    """A scene with one module of `size` bytes at CODE, and `others` behind it: (name, tables)."""
    named = [(name, tables), *others]
    modules = [
        Loaded(Module(base=CODE + number * size, size=size, name=name, code_file=name), known)
        for number, (name, known) in enumerate(named)
    ]
    span = range(CODE, CODE + size * len(modules))
    return UnwindContext(
        machine,
        platform,
        Memory(words, machine.width),
        lambda address: modules[(address - CODE) // size] if address in span else None,
        lambda _: executable,
        span,
        knows_code=tables is not NO_TABLES,
    )
