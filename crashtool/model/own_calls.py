"""The calls of a stack that are the program's own: what a signature is made of.

Passed over are the modules of the system and of the languages' runtimes, named or not, so that it
does not matter whose symbols are there; functions that only carry a crash out, standard libraries,
and addresses in no module. A guess counts only with a name, and none does after a call that is
sure. The user's rules come before all of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, Protocol

from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.crash import Frame, InlineFrame
from crashtool.model.function_name import drop_clone, normalize
from crashtool.model.ignored_frames import RUNTIME_MODULES, is_ignored

ID_DIGITS = 8
# Runtime and system modules beside those of the languages: passed over with a name or without.
SYSTEM_MODULES = (
    *RUNTIME_MODULES,
    "libm.so",
    "libm-2.",
    "ld-musl",
    "rpcrt4.",
    "combase.",
    "user32.",
    "dyld",
    "corefoundation",
)
LIBRARIES = ("std::", "__gnu_cxx::", "__cxxabiv1::", "core::", "alloc::", "__rustc::", "__rust")
# What stands above main: by none of it two crashes differ. Compiled when there is a name.
STARTERS = (
    r"_*libc_start_(?:call_)?main.*|_start|start_thread|_*clone3?|BaseThreadInitThunk"
    r"|_*RtlUserThreadStart|__scrt_common_main.*|invoke_main|\w*mainCRTStartup"
    r"|BaseProcessStart.*|_?thread_start|_pthread_start|start"
)
ABOVE_MAIN = "starts main or a thread"
Action = Literal["own", "skip", "through", "start", "stop"]
Quality = Literal["named", "guess", "raw", "none"]


class OwnCall(NamedTuple):
    """A call of the program itself: its name in the signature, and where on the stack it stands.

    `frame` is the index of its frame, `call` the very call there, which may be merged into it.
    """

    name: str
    quality: Quality
    frame: int
    call: InlineFrame


class FrameRule(NamedTuple):
    """One pattern of the user's rules; `line` counts from 1 in their file."""

    action: Action
    pattern: str
    line: int

    @property
    def text(self) -> str:
        """`skip atlas::require`: what a row says of the rules that decided."""
        return f"{self.action} {self.pattern}"


class FrameRules(Protocol):
    """The user's rules: `frames` calls make a signature."""

    @property
    def frames(self) -> int: ...  # noqa: D102

    def find(self, frame: Frame, name: str, *, is_first: bool) -> FrameRule | None:
        """The rule for a call of this normalized name; `is_first`: none has counted before it."""


class Decision(NamedTuple):
    """Whether a call counts: as `own`, or for which `reason` not; `rule` when the user's decides.

    `frame` is the index of its frame, `name` what it is called here.
    """

    frame: int
    name: str
    own: OwnCall | None = None
    reason: str = ""
    rule: FrameRule | None = None


def walk_own_calls(frames: Sequence[Frame], rules: FrameRules | None = None) -> Iterator[OwnCall]:
    """The calls of the program itself, innermost first, as far as they are sure."""
    return (decision.own for decision in decide_calls(frames, rules) if decision.own)


def decide_calls(frames: Sequence[Frame], rules: FrameRules | None = None) -> Iterator[Decision]:
    """For each call, innermost first, whether it counts and why not, until no other can."""
    return decide_further_calls(frames, rules, find_start(frames, rules) if rules else 0)


def decide_further_calls(
    frames: Iterable[Frame], rules: FrameRules | None, first: int
) -> Iterator[Decision]:
    """The same of frames as they are found; no frame before the index `first` counts."""
    is_sure = has_any = False
    for index, frame in enumerate(frames):
        is_guess = frame.trust in ("scan", "cfi_scan")
        if is_guess and is_sure:
            yield Decision(index, name_frame(frame), reason="a guess after what is sure")
            return
        is_start = False
        for call in _walk_calls(frame):
            decision = _decide(index, frame, call, rules, is_first=not has_any)
            if index < first:
                decision = decision._replace(own=None, reason="before a start")
            if decision.own:
                has_any, is_sure = True, is_sure or not is_guess
            is_start = is_start or (has_any and decision.reason == ABOVE_MAIN)
            yield decision
            if decision.rule and decision.rule.action == "stop":
                return
        if is_start:
            return


def find_start(frames: Sequence[Frame], rules: FrameRules) -> int:
    """The first frame that may count: the one after the outermost that a rule calls a start."""
    for index in range(len(frames) - 1, -1, -1):
        for call in _walk_calls(frames[index]):
            rule = rules.find(frames[index], normalize(call.function), is_first=False)
            if rule and rule.action == "start":
                return index + 1
    return 0


def _walk_calls(frame: Frame) -> Iterator[InlineFrame]:
    """The calls that were merged into a frame, innermost first, and its own."""
    yield from frame.inlines
    if frame.function or not frame.inlines:
        yield InlineFrame(frame.function or "", frame.file, frame.line)


def _decide(
    index: int, frame: Frame, call: InlineFrame, rules: FrameRules | None, *, is_first: bool
) -> Decision:
    is_guess = frame.trust in ("scan", "cfi_scan")
    if rules is None and (reason := _find_place_reason(frame)):
        return Decision(index, drop_clone(call.function) or name_frame(frame), reason=reason)
    name = normalize(call.function)
    shown = name or drop_clone(call.function) or name_frame(frame)
    rule = rules.find(frame, name, is_first=is_first) if rules else None
    if rule and rule.action != "own":
        return Decision(index, shown, reason="passed over", rule=rule)
    reason = "" if rule else _find_place_reason(frame) or _find_reason(call.function, name)
    if not reason and name:
        own = OwnCall(name, "guess" if is_guess else "named", index, call)
        return Decision(index, name, own=own, rule=rule)
    if reason or call.function or is_guess or frame.module is None:
        return Decision(index, shown, reason=reason or "has no name of its own")
    position = _name_place(frame)
    return Decision(
        index, position, own=OwnCall(position, "raw", index, InlineFrame("")), rule=rule
    )


def _find_place_reason(frame: Frame) -> str:
    """Why nothing counts that lies where a frame does; "" when it may."""
    if frame.module is None:
        return "in no module"
    if frame.module.name.lower().startswith(SYSTEM_MODULES):
        return "a module of the system or of a runtime"
    return ""


def _find_reason(function: str, name: str) -> str:
    """Why a function is not the program's own by the lists that everybody has; "" when it is."""
    if not name:
        return ""
    if re.fullmatch(STARTERS, name):
        return ABOVE_MAIN
    if is_ignored(function):
        return "only carries crashes out"
    return "a standard library" if name.startswith(LIBRARIES) else ""


def _name_place(frame: Frame) -> str:
    """A place in one build of a module: `game.exe@5f3a11c2+0x41f2a`."""
    module = frame.module
    assert module is not None  # noqa: S101 (asked of frames in modules only)
    identifier = str(module.code_id or module.debug_id or "")[:ID_DIGITS]
    return f"{module.name.lower()}@{identifier}+{frame.module_offset:#x}"


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
