"""Frames made up for tests: registers and memory that are said, and no process."""

from crashtool.formats.variables.data_type import DataType, Details, Member

INT = DataType("base", "int", 4, encoding="signed")
CHAR = DataType("base", "char", 1, encoding="character")
LONG = DataType("base", "unsigned long", 8, encoding="unsigned")
CONST_CHAR = DataType("base", "const char", 1, encoding="character", plain_name="char")


class MadeFrame:
    """A frame as readers of variables see it."""

    def __init__(self, registers=None, memory=None, cfa=None, caller=None, **places):
        self.registers = registers or {}
        self.memory = memory or {}
        self.cfa = cfa
        self.caller = caller
        self.base = places.get("base", 0)
        self.address = places.get("address", 0)
        self.return_address = places.get("return_address")
        self.thread = places.get("thread")
        self.answers = {}

    def read_register(self, name):
        value = self.registers.get(name)
        return value if isinstance(value, bytes | None) else value.to_bytes(8, "little")

    def read_memory(self, address, size):
        for start, content in self.memory.items():
            if start <= address and address + size <= start + len(content):
                return content[address - start : address - start + size]
        return None

    def find_handed(self, _called, _expression):
        return None


def struct(name, *members, size=None, arguments=(), kind="struct", variants=None):
    """A struct of (name, type, offset) or of whole `Member`s."""
    rows = tuple(row if isinstance(row, Member) else Member(*row) for row in members)
    size = size or max((row.offset + (row.type.size or 0) for row in rows), default=0)
    details = Details(members=rows, arguments=tuple(arguments), variants=variants)
    return DataType(kind, name, size, load=lambda: details)


def pointer(target, name=None):
    """A pointer to a type."""
    return DataType("pointer", name or f"{target.name}*", 8, load=lambda: Details(target))


def array(target, count):
    """An array of so many elements."""
    size = None if count is None else count * target.size
    return DataType(
        "array", f"{target.name}[{count}]", size, count=count, load=lambda: Details(target)
    )
