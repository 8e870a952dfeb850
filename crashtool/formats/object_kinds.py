"""What is known of one object file without reading its debug information: kind and identifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from crashtool.formats.identifiers import BuildId, CodeId, DebugId
from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from mmap import mmap

    Content: TypeAlias = bytes | mmap

# Kinds
ELF, PE, PDB, MACHO, SYM = KINDS = ("elf", "pe", "pdb", "macho", "sym")

# Roles: what the file is for, whatever its format
EXECUTABLE = "executable"
LIBRARY = "library"
DEBUG = "debug"  # debug information beside a binary: .debug, dSYM, PDB, .sym
SUPPLEMENT = "supplement"  # dwz's common part, for several debug files
PACKAGE = "package"  # .dwp
FRAGMENT = "fragment"  # .dwo
OBJECT = "object"  # compiled, not linked

# Features: what a symbol server can get out of the file
SYMBOLS, LINES, UNWIND, SOURCES = FEATURES = ("symbols", "lines", "unwind", "sources")

# Traits: facts that a rule about debug files asks for
SPLIT = "split"  # DWARF is a skeleton, the rest is in .dwo or .dwp
REWRITTEN = "rewritten"  # a PDB with OMAP: a tool has moved the code since it was linked
FASTLINK = "fastlink"  # a PDB that is an index into .obj files
TYPES_ALONE = "types-alone"  # a PDB without code: what cl /Zi writes while it compiles
STRIPPED = "stripped"  # a PDB made with /PDBSTRIPPED
MANAGED = "managed"  # .NET code
MINI_DEBUG = "mini-debug"  # compressed function names in .gnu_debugdata
CODE_FREE = "code-free"  # a PE of resources alone
CODEVIEW = "codeview"  # a PE has a CodeView record that names a PDB by GUID


class ObjectFile(NamedTuple):
    """One object file; a universal Mach-O file holds one for each architecture.

    `architecture` is spelled as in a crash report. `debug_id` is None when the file has no
    identifier of its own; `hashed_id` is then what Breakpad's client makes up from the code.
    `debug_file` is the file name that crash reports ask symbols for: "" when it is the file's own,
    which bytes do not tell. `debug_link` and `alt_link` name further files with debug information.
    """

    kind: str
    role: str
    architecture: str
    debug_id: DebugId | None = None
    code_id: CodeId | None = None
    build_id: BuildId | None = None
    hashed_id: DebugId | None = None
    debug_file: str = ""
    debug_link: str = ""
    alt_link: str = ""
    features: frozenset[str] = frozenset()
    traits: frozenset[str] = frozenset()


class CodeRange(NamedTuple):
    """Code: `size` bytes, at `address` from the module's base, at `offset` in the file.

    Not `present`: in another file, as of a debug file.
    """

    address: int
    offset: int
    size: int
    present: bool = True
