"""The name of an ELF function as stacks show it, where symbolic takes another of several."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from crashtool.formats.object_file.elf import find_symbol_tables
from crashtool.formats.object_file.elf_symbols import walk_function_names

if TYPE_CHECKING:
    from crashtool.formats.object_kinds import Content

COLD_PART = ".cold"
MANGLED = ("_Z", "_R")
ALIAS = re.compile(r"_alias_\d+$")  # glibc's numbered names of a function that has a better one


def find_own_name(
    data: "Content", name: str, start: int | None, find_function: Callable[[int], str]
) -> str:
    """The function that begins at `start`, from the module's base, by the name at its own start.

    Of C functions that have several names, `find_function` gives the one that stacks show.

    symbolic names a function in several parts by the symbol at its lowest address, where another
    function's empty cold part may lie, too (seen in libpython: ast2obj_expr.cold for
    _PyEval_EvalFrameDefault). Of several names it takes any (__libc_start_main_alias_2). Other
    names stay as they are, and where the file has no symbols.
    """
    is_misled = COLD_PART in name or ALIAS.search(name)
    if start is None or (name.startswith(MANGLED) and not is_misled):
        return name
    found = (list(walk_function_names(data, table, start)) for table in find_symbol_tables(data))
    names = next(filter(None, found), [])
    if not is_misled:
        return (len(names) > 1 and find_function(start)) or name
    names = [own for own in names if not ALIAS.search(own)] or names
    return min(names, key=len, default=name)
