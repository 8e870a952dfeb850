"""What stack walking has to know of a CPU: its registers, calls and calling convention."""

from __future__ import annotations

from collections.abc import Callable

from crashtool.formats.named_tuple import NamedTuple


class CallSite(NamedTuple):
    """A call instruction; `target` is where a direct one goes, None for an indirect one.

    `is_import`: it is a direct one to a stub that jumps on, into another module.
    """

    target: int | None
    is_import: bool = False


def may_leave(code: bytes) -> bool:  # noqa: ARG001
    """True: of this CPU it is not known how code goes on."""
    return True


def find_no_jump(code: bytes, address: int, target: int) -> None:
    """None: of this CPU no jump is known."""


class Machine(NamedTuple):
    """One CPU. `width` is a pointer's size in bytes.

    `call_size`: how far back from a return address the instruction before it surely begins or
    continues. `callee_saved`: the registers that a call gives back unchanged, when nothing says
    otherwise. `link_register`: the one that holds the return address in a leaf, "" where the stack
    does. `return_address_size`: the bytes of stack that a call itself takes. `longest_call`: the
    bytes before a return address that `find_call(code, address)` needs; `longest_stub` those at a
    call's target by which `is_stub` recognizes a jump to another place, as linkers make for
    imports. `find_jump(code, address, target)`: where code at an address jumps to a target.
    `has_chain`: the platform's code keeps frame pointers that lead from caller to caller.
    `sets_frame_pointer(code)`: whether a function's first instructions do.
    `saves_link_register(code)`: whether a function's code up to an offset has put it on the stack
    and not taken it back. `leaves(code)`: whether code leaves the function before its end.
    """

    name: str
    width: int
    instruction_pointer: str
    stack_pointer: str
    frame_pointer: str
    callee_saved: tuple[str, ...]
    call_size: int
    return_address_size: int
    longest_call: int
    find_call: Callable[[bytes, int], CallSite | None]
    longest_stub: int
    is_stub: Callable[[bytes], bool]
    link_register: str = ""
    has_chain: bool = True
    sets_frame_pointer: Callable[[bytes], bool] | None = None
    saves_link_register: Callable[[bytes], bool] | None = None
    leaves: Callable[[bytes], bool] = may_leave
    find_jump: Callable[[bytes, int, int], int | None] = find_no_jump

    @property
    def mask(self) -> int:
        """The largest address."""
        return (1 << 8 * self.width) - 1
