"""What functions were called with, where their callers say how they computed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.dwarf.call_sites import (
    describe_function,
    find_call,
    find_parameter_rule,
    find_rule,
    find_target,
    leads_to,
    may_return_to_itself,
)
from crashtool.formats.dwarf.constants import DW_AT_const_value, DW_TAG_formal_parameter
from crashtool.formats.dwarf.expressions import Unlocatable, find_content

if TYPE_CHECKING:
    from collections.abc import Callable

    from crashtool.formats.dwarf.entry_names import LocatedFunctions, Reference
    from crashtool.formats.dwarf.expressions import Scope
    from crashtool.formats.variables.frame_view import CalledFunction, FrameView

DEEPEST = 48  # callers that are asked one after the other


class _TooDeepError(Unlocatable):
    """A value was handed on by more callers than are asked at once."""

    def __init__(self) -> None:
        super().__init__("unknown", "it was handed on by too many callers")


class HandedValues:
    """What one file says that its functions were called with.

    `locate` gives the functions at an address from the module's base; `base` is that in the file.
    `open_scope`: what an expression of an entry may refer to in a frame.
    """

    def __init__(
        self,
        locate: Callable[[int], LocatedFunctions | None],
        base: int,
        open_scope: Callable[[Reference, FrameView], Scope],
    ) -> None:
        self._locate = locate
        self._base = base
        self._open_scope = open_scope
        self._left = DEEPEST

    def find(self, expression: bytes, frame: FrameView) -> bytes:
        """What was in a place when a frame's function was called. Unlocatable where that is lost.

        The place is described as the caller does, by an expression that is one register alone, or
        by an address.
        """
        key = DW_AT_const_value, expression
        return self._remember(key, frame, lambda: self._ask_caller(expression, frame))

    def find_parameter(self, parameter: Reference, frame: FrameView) -> bytes:
        """What a frame's function was called with for a parameter that is handed over in no place.
        Unlocatable where that is lost.
        """
        unit, entry = parameter.entries.unit, parameter.entry
        key = DW_TAG_formal_parameter, parameter.table.number, unit.header.offset + entry.offset
        return self._remember(key, frame, lambda: self._ask_for_parameter(parameter, frame))

    def _remember(
        self, key: tuple[object, ...], frame: FrameView, ask: Callable[[], bytes | None]
    ) -> bytes:
        if key not in frame.answers:
            if not self._left:
                raise _TooDeepError
            frame.answers[key] = None
            self._left -= 1
            try:
                frame.answers[key] = ask()
            except _TooDeepError:
                del frame.answers[key]  # asked first, an outer frame may know it
                raise
            finally:
                self._left += 1
        content = frame.answers[key]
        if isinstance(content, bytes):
            return content
        raise Unlocatable("unknown", "what the caller handed over is not known")

    def _ask_caller(self, expression: bytes, frame: FrameView) -> bytes | None:
        caller = frame.caller
        located = self._locate(frame.address - frame.base)
        if caller is None or located is None:
            return None
        called = describe_function(located.function, frame.base, self._base)
        if caller.base == frame.base:
            content = self.find_handed(caller, called, expression)
        else:
            content = caller.find_handed(called, expression)
        is_lost = content is None or may_return_to_itself(located.function)
        return None if is_lost else content

    def _ask_for_parameter(self, parameter: Reference, frame: FrameView) -> bytes | None:
        """Only the same file can tell: its functions alone are remade for their callers."""
        caller = frame.caller
        located = self._locate(frame.address - frame.base)
        if caller is None or located is None or caller.base != frame.base:
            return None
        called = describe_function(located.function, frame.base, self._base)
        return self._find_rule_of(caller, called, lambda call: find_parameter_rule(call, parameter))

    def find_handed(
        self, caller: FrameView, called: CalledFunction, expression: bytes
    ) -> bytes | None:
        """What a frame of this file handed to a function of this or another; None if not told."""
        return self._find_rule_of(caller, called, lambda call: find_rule(call, expression))

    def _find_rule_of(
        self,
        caller: FrameView,
        called: CalledFunction,
        find: Callable[[Reference], bytes | None],
    ) -> bytes | None:
        """What the call in a frame of this file computes by the rule that `find` takes of it."""
        calling = self._locate(caller.address - caller.base)
        if calling is None or caller.return_address is None:
            return None
        call = find_call(calling.function, caller.return_address - caller.base + self._base)
        rule = call and find(call)
        if call is None or rule is None or not self._is_of(call, called, caller):
            return None
        return self._compute(call, rule, caller)

    def _is_of(self, call: Reference, called: CalledFunction, caller: FrameView) -> bool:
        """Whether a call is surely one of a function: by its entry, or where its pointer led."""
        if leads_to(call, called, caller.base):
            return True
        target = find_target(call)
        content = self._compute(call, target, caller) if target else None
        return content is not None and int.from_bytes(content, "little") in called.starts

    def _compute(self, call: Reference, rule: bytes, caller: FrameView) -> bytes | None:
        """What an expression of a call gives in the frame that called."""
        try:
            return find_content(rule, self._open_scope(call, caller))
        except _TooDeepError:
            raise
        except Unlocatable:
            return None
