"""A crash's signature: the words by which crashes of one cause group, whatever build they are of.

Not Backtrace's fingerprint, which only its server computes. Version 1 is a function of one report:
up to two of the program's own functions, and the class of the crash. Its string never changes; a
better rule is version 2.
"""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.carriers import AS_WRITTEN, NAMES, PREFIXES, RUNTIME_MODULES
from crashtool.model.crash import Frame, InlineFrame
from crashtool.model.function_name import drop_clone, normalize

if TYPE_CHECKING:
    from crashtool.model.crash import CrashReport

VERSION = 1
CALLS_IN_SIGNATURE = 2
MOST_CALLS = 12
CALLS_OF_RECURSION = 64  # whose names, sorted, are a stack overflow's: wherever it came to its end
LONGEST_CIRCLE = 8  # functions that call one another in turn
ID_DIGITS = 8
STACK_OVERFLOW = ("stack overflow", "STACK_OVERFLOW")
# What the C libraries put before a name, and after that of a copy for one kind of processor.
LIBRARY_PREFIXES = ("GI_", "libc_", "platform_", "interceptor_", "wrap_", "imp_")
PROCESSORS = ("_avx", "_sse", "_ssse", "_evex", "_erms", "_unaligned", "_generic", "_chk",
              "_asimd", "_sve", "_mops", "_neon", "_aarch64", "_a64fx", "_falkor",
              "_thunderx")  # fmt: skip
RETURN_TYPES = ("void ", "bool ", "int ", "static ", "virtual ", "auto ", "decltype(auto) ")
UNNAMED = "(anonymous namespace)"
# Runtime and system modules beside those of the languages: passed over with a name or without.
SYSTEM_MODULES = (
    *RUNTIME_MODULES, "libm.so", "libm-2.", "ld-musl", "rpcrt4.", "combase.", "user32.", "dyld",
    "corefoundation",
)  # fmt: skip
LIBRARIES = ("std::", "__gnu_cxx::", "__cxxabiv1::", "core::", "alloc::", "__rustc::", "__rust")
# What stands above main: by none of it two crashes differ. Compiled when there is a name.
STARTERS = (
    r"_*libc_start_(?:call_)?main.*|_start|start_thread|_*clone3?|BaseThreadInitThunk"
    r"|_*RtlUserThreadStart|__scrt_common_main.*|invoke_main|\w*mainCRTStartup"
    r"|BaseProcessStart.*|_?thread_start|_pthread_start|start"
)
Quality = Literal["named", "guess", "raw", "none"]


class Signature(NamedTuple):
    """`text` is what groups, "" without a stack. `kind` is the class of the crash.

    `calls`: up to 12 normalized functions, innermost first. `quality`: whether the first of them is
    `named`, a `guess` by scanning, or `raw`, a place in one build of a module; `none` when nothing
    of the program is known.
    """

    text: str
    kind: str
    quality: Quality
    calls: tuple[str, ...] = ()


class OwnCall(NamedTuple):
    """A call of the program itself: its name in the signature, and where on the stack it stands.

    `frame` is the index of its frame, `call` the very call there, which may be merged into it.
    """

    name: str
    quality: Quality
    frame: int
    call: InlineFrame


def sign(report: "CrashReport") -> Signature:
    """The signature of a report: equal for equal causes as far as one report can tell."""
    thread = report.crashed_thread
    frames = thread.frames if thread else ()
    kind = classify(report)
    found = list(walk_own_calls(frames))
    if not found:
        name = name_innermost(frames)
        return Signature(f"{name} [{kind}]" if name else "", kind, "none")
    names = [own.name for own in found]
    quality = found[0].quality
    if kind == "stack":
        circle = sorted(set(names[:CALLS_OF_RECURSION]))
        text = f"recursion: {', '.join(circle)} [{kind}]"
        return Signature(text, kind, quality, tuple(circle[:MOST_CALLS]))
    calls = fold(names)[:MOST_CALLS]
    text = f"{' | '.join(calls[:CALLS_IN_SIGNATURE])} [{kind}]"
    return Signature(text, kind, quality, tuple(calls))


def find_own_call(report: "CrashReport") -> OwnCall | None:
    """The innermost call of the program itself on the crashed stack."""
    thread = report.crashed_thread
    return next(walk_own_calls(thread.frames), None) if thread else None


def classify(report: "CrashReport") -> str:
    """The class of a crash: abort, arith, trap, illegal, call, stack, memory; simulated for none.

    Neither whether memory was read or written nor whether the pointer was null: both change with
    one bug.
    """
    crash = report.crash
    if crash is None or not crash.reason.is_crash:
        return "simulated"
    name = crash.reason.name
    if any("stack overflow" in hint for hint in crash.hints) or "STACK_OVERFLOW" in name:
        return "stack"
    for kind, marks in CLASSES:
        if any(mark in name for mark in marks) or (kind == "abort" and name.startswith("0x")):
            return kind
    thread = report.crashed_thread
    innermost = thread.frames[0] if thread and thread.frames else None
    if innermost and innermost.module is None and innermost.instruction == crash.reason.address:
        return "call"
    return "call" if "_EXEC" in name else "memory"


CLASSES = (
    ("abort", ("ABRT", "FAST", "FATAL_APP_EXIT", "EXCEPTION_CPP", "C++")),
    ("arith", ("FPE", "DIVIDE", "FLT", "INT_OVERFLOW")),
    ("trap", ("TRAP", "BREAKPOINT")),
    ("illegal", ("SIGILL", "ILLEGAL", "EXC_BAD_INSTRUCTION")),
)


def walk_own_calls(frames: Sequence[Frame]) -> Iterator[OwnCall]:
    """The calls of the program itself, innermost first, as far as they are sure.

    Modules of the system and of the languages' runtimes are passed over, named or not, so that it
    does not matter whose symbols are at hand; so are carriers, standard libraries, addresses in no
    module. A guess counts only with a name, and none does behind a call that is sure.
    """
    is_sure = has_any = False
    for index, frame in enumerate(frames):
        is_guess = frame.trust in ("scan", "cfi_scan")
        if is_guess and is_sure:
            return
        if frame.module is None or frame.module.name.lower().startswith(SYSTEM_MODULES):
            continue
        is_start = False
        for call in (*frame.inlines, InlineFrame(frame.function or "", frame.file, frame.line)):
            name = normalize(call.function)
            if name and re.fullmatch(STARTERS, name):
                is_start = has_any
            elif name and not is_carrier(call.function) and not name.startswith(LIBRARIES):
                has_any, is_sure = True, is_sure or not is_guess
                yield OwnCall(name, "guess" if is_guess else "named", index, call)
        if not frame.function and not frame.inlines and not is_guess:
            has_any = is_sure = True
            yield OwnCall(_name_place(frame), "raw", index, InlineFrame(""))
        if is_start:
            return


def _name_place(frame: Frame) -> str:
    """A place in one build of a module: `game.exe@5f3a11c2+0x41f2a`."""
    module = frame.module
    assert module is not None  # noqa: S101 (asked of frames in modules only)
    identifier = str(module.code_id or module.debug_id or "")[:ID_DIGITS]
    return f"{module.name.lower()}@{identifier}+{frame.module_offset:#x}"


def fold(names: Sequence[str]) -> list[str]:
    """The names with each circle of up to eight that repeats itself standing once."""
    folded = list(names)
    for size in range(1, LONGEST_CIRCLE + 1):
        kept: list[str] = []
        place = 0
        while place < len(folded):
            circle = folded[place : place + size]
            following = place + size
            while len(circle) == size and folded[following : following + size] == circle:
                following += size
            repeats = following > place + size
            kept += circle if repeats else circle[:1]
            place = following if repeats else place + 1
        folded = kept
    return folded


def name_innermost(frames: Sequence[Frame]) -> str:
    """The innermost call that may be at fault where none is the program's own; "" without frames.

    Merged calls count like others. Carriers are passed over; so are frames of the languages'
    runtime modules that have no name, unless only guesses follow, and addresses in no module, which
    differ from run to run: generated code, or a call through a bad pointer, whose caller counts,
    be it guessed.
    """
    unnamed = ""
    for number, frame in enumerate(frames):
        called_nowhere = number == 1 and frames[0].module is None and frame.function
        if unnamed and frame.is_guess and not called_nowhere:
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
