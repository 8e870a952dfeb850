"""The name of an ELF function by its own symbols, where symbolic takes one that misleads."""

import re
from typing import TYPE_CHECKING

from crashtool.formats.object_file.elf import find_symbol_table
from crashtool.formats.object_file.elf_symbols import walk_function_names

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

COLD_PART = ".cold"
ALIAS = re.compile(r"_alias_\d+$")  # glibc's numbered names of a function that has a better one


def find_own_name(data: "Content", name: str, start: int | None) -> str:
    """The function that begins at `start`, from the module's base, by the name at its own start.

    symbolic names a function in several parts by the symbol at its lowest address, where another
    function's empty cold part may lie, too (seen in libpython: ast2obj_expr.cold for
    _PyEval_EvalFrameDefault). Of several names it takes any (__libc_start_main_alias_2). Other
    names stay as they are, and where the file has no symbols.
    """
    if start is None or not (COLD_PART in name or ALIAS.search(name)):
        return name
    table = find_symbol_table(data)
    if table is None:
        return name
    names = list(walk_function_names(data, table, start))
    names = [own for own in names if not ALIAS.search(own)] or names
    return min(names, key=len, default=name)
