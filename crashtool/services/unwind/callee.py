"""The frame whose caller is looked for, with what is known of the code that it stands in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.formats.breakpad.symbol_file import FunctionHit
    from crashtool.services.unwind.unwind_context import Loaded, StackFrame


class Callee(NamedTuple):
    """A frame. `instruction_address`: where it was, which is the call if it made one.

    `loaded` and `function` are None where no module or no function is known. `is_first`: it is the
    innermost frame.
    """

    step: StackFrame
    instruction_address: int
    loaded: Loaded | None
    function: FunctionHit | None
    is_first: bool = False

    @property
    def address(self) -> int:
        """Its instruction, from the module's base."""
        base = self.loaded.base if self.loaded else 0
        return self.instruction_address - base

    @property
    def module_name(self) -> str:
        """The module's name in lower case, as Windows compares them; "" in none."""
        return self.loaded.module.name.lower() if self.loaded else ""

    @property
    def function_name(self) -> str:
        """The function's name; "" when it is not known."""
        return self.function.name if self.function else ""

    @property
    def start(self) -> int | None:
        """Where the function begins; None when that is not known, as behind a mere export."""
        if self.loaded is None or self.function is None or self.function.is_public:
            return None
        return self.loaded.base + self.function.start
