"""A crash's signature: the words by which crashes of one cause group, whatever build they are of.

Not Backtrace's fingerprint, which only its server computes. Version 1 is a function of one report:
up to two of the program's own functions, and the class of the crash. Its string never changes; a
better rule is version 2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.crash import CrashReport, Frame
from crashtool.model.function_name import drop_clone
from crashtool.model.ignored_frames import RUNTIME_MODULES, is_ignored
from crashtool.model.own_calls import FrameRules, OwnCall, Quality, name_frame, walk_own_calls

VERSION = 1
CALLS_IN_SIGNATURE = 2
MAX_CALLS = 12
CALLS_OF_RECURSION = 64  # whose names, sorted, are a stack overflow's: wherever it came to its end
MAX_CIRCLE = 8  # functions that call one another in turn
STACK_OVERFLOW = ("stack overflow", "STACK_OVERFLOW")


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


def sign(report: CrashReport, rules: FrameRules | None = None) -> Signature:
    """The signature of a report: equal for equal causes as far as one report can tell.

    `rules`, the user's, say what counts and how many calls; without them it is version 1.
    """
    thread = report.crashed_thread
    frames = thread.frames if thread else ()
    kind = classify(report)
    own_calls = list(walk_own_calls(frames, rules))
    if not own_calls:
        name = name_innermost(frames)
        return Signature(f"{name} [{kind}]" if name else "", kind, "none")
    names = [own.name for own in own_calls]
    quality = own_calls[0].quality
    if kind == "stack":
        circle = sorted(set(names[:CALLS_OF_RECURSION]))
        text = f"recursion: {', '.join(circle)} [{kind}]"
        return Signature(text, kind, quality, tuple(circle[:MAX_CALLS]))
    calls = fold(names)[:MAX_CALLS]
    count = rules.frames if rules else CALLS_IN_SIGNATURE
    text = f"{' | '.join(calls[:count])} [{kind}]"
    return Signature(text, kind, quality, tuple(calls))


def find_own_call(report: CrashReport) -> OwnCall | None:
    """The innermost call of the program itself on the crashed stack."""
    thread = report.crashed_thread
    return next(walk_own_calls(thread.frames), None) if thread else None


def classify(report: CrashReport) -> str:
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


def fold(names: Sequence[str]) -> list[str]:
    """The names with each circle of up to eight that repeats itself standing once."""
    folded = list(names)
    for size in range(1, MAX_CIRCLE + 1):
        kept: list[str] = []
        index = 0
        while index < len(folded):
            circle = folded[index : index + size]
            following = index + size
            while len(circle) == size and folded[following : following + size] == circle:
                following += size
            repeats = following > index + size
            kept += circle if repeats else circle[:1]
            index = following if repeats else index + 1
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
            if not is_ignored(name):
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
