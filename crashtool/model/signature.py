"""A crash's signature: the words by which crashes of the same cause are likely to group.

Not Backtrace's fingerprint, which only its server computes.
"""

from collections.abc import Iterator, Sequence

from crashtool.model.carriers import AS_WRITTEN, NAMES, PREFIXES, RUNTIME_MODULES
from crashtool.model.crash import Frame

GUESSED = ("scan", "cfi_scan")
LONGEST_NAME = 1 << 12  # characters that are looked at; hostile symbols have more
RUST_HASH = len("::h0123456789abcdef")
# What compilers append to the name of a copy of a function, and linkers to a version of it.
CLONES = (".part.", ".isra.", ".constprop.", ".cold", ".lto_priv.", ".llvm.", " [clone ", "@",
          "$VARIANT$")  # fmt: skip
MANGLED = ("?", "@")  # names of MSVC as they are in the object file, full of @
# What the C libraries put before a name, and after that of a copy for one kind of processor.
LIBRARY_PREFIXES = ("GI_", "libc_", "platform_", "interceptor_", "wrap_", "imp_")
PROCESSORS = ("_avx", "_sse", "_ssse", "_evex", "_erms", "_unaligned", "_generic", "_chk",
              "_asimd", "_sve", "_mops", "_neon", "_aarch64", "_a64fx", "_falkor",
              "_thunderx")  # fmt: skip
RETURN_TYPES = ("void ", "bool ", "int ", "static ", "virtual ", "auto ", "decltype(auto) ")
UNNAMED = "(anonymous namespace)"


def get_signature(frames: Sequence[Frame]) -> str:
    """The innermost call that may be at fault, in a word; "" without frames.

    Merged calls count like others. Carriers are passed over; so are frames of the languages'
    runtime modules that have no name, unless only guesses follow, and addresses in no module, which
    differ from run to run: generated code, or a call through a bad pointer, whose caller counts,
    be it guessed.
    """
    unnamed = ""
    for number, frame in enumerate(frames):
        called_nowhere = number == 1 and frames[0].module is None and frame.function
        if unnamed and frame.trust in GUESSED and not called_nowhere:
            return unnamed
        if is_nameless(frame):
            unnamed = unnamed or name_frame(frame)
            continue
        for name in name_calls(frame):
            if not is_carrier(name):
                return name
    return unnamed or (next(name_calls(frames[0])) if frames else "")


def is_nameless(frame: Frame) -> bool:
    """Whether a frame has no name, and its place would name no cause either."""
    if frame.function or frame.unloaded:
        return False
    if frame.module is None:
        return True
    return frame.module.name.lower().startswith(RUNTIME_MODULES)


def name_calls(frame: Frame) -> Iterator[str]:
    """The calls of a frame, each in a word, the innermost first."""
    for inline in frame.inlines:
        if inline.function:
            yield drop_clone(inline.function)
    yield name_frame(frame)


def is_carrier(function: str) -> bool:
    """Whether a function only carries crashes out (abort, raise, a throw, memcpy)."""
    name = drop_clone(function)
    for words in RETURN_TYPES:
        name = name.removeprefix(words)
    written, name = name, name.lstrip("_")
    if name.startswith(PREFIXES) or _base_name(written) in AS_WRITTEN:
        return True
    name = _base_name(name)
    return name in NAMES or _library_name(name) in NAMES


def drop_clone(function: str) -> str:
    """The name without what differs between builds: Rust's hash, a compiler's clone suffix."""
    name = function[:LONGEST_NAME]
    if name.startswith(MANGLED):
        return name
    for mark in CLONES:
        place = name.find(mark, 1)
        if place > 0:
            name = name[:place]
    head, digits = name[:-RUST_HASH], name[-RUST_HASH + 3 :]
    if (
        head
        and name[-RUST_HASH:].startswith("::h")
        and all(c in "0123456789abcdef" for c in digits)
    ):
        return head
    return name


def _base_name(name: str) -> str:
    """The name without its parameters and template arguments."""
    if name.startswith("operator"):
        return name.partition("(")[0].rstrip().replace(" ", "_")
    start = len(UNNAMED) if name.startswith(UNNAMED) else 0
    ends = [place for place in (name.find(mark, start) for mark in "(<") if place > 0]
    return name[: min(ends)] if ends else name


def _library_name(name: str) -> str:
    """`memcpy` of `GI_memcpy`, `memcpy_avx_unaligned_erms` and `memcpy_chk`."""
    for prefix in LIBRARY_PREFIXES:
        name = name.removeprefix(prefix).lstrip("_")
    ends = [place for place in map(name.find, PROCESSORS) if place > 0]
    return name[: min(ends)] if ends else name


def name_frame(frame: Frame) -> str:
    """One frame in a word: `Renderer::flush`, `renderer.cpp:214`, `game.exe+0x41f2a`, `0x7f12`."""
    if frame.function:
        return drop_clone(frame.function)
    if frame.file and frame.line:
        return f"{frame.file.replace(chr(92), '/').rpartition('/')[2]}:{frame.line}"
    if frame.module is not None:
        return f"{frame.module.name}+{frame.module_offset:#x}"
    if frame.unloaded:
        return f"{frame.unloaded[0].name}+{frame.unloaded[0].offset:#x} (unloaded)"
    return f"{frame.instruction:#x}"
