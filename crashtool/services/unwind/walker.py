"""The walk: from the innermost frame outward, each caller by the best way that works."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from crashtool.services.unwind.frame_pointer import step_by_frame_pointer, step_by_link
from crashtool.services.unwind.intel import AMD64_WINDOWS
from crashtool.services.unwind.scan import step_by_scan
from crashtool.services.unwind.scene import LOWEST_CODE, Loaded, Step

if TYPE_CHECKING:
    from crashtool.services.unwind.scene import Scene

MOST_FRAMES = 1024
# Nothing calls these: programs and threads begin there, by platform.
OUTERMOST = {
    "linux": ("_start", "_dl_start_user", "clone", "__clone", "clone3", "__clone3"),
    "android": ("_start", "__start_thread", "__bionic_clone"),
    "macos": ("start", "_start", "thread_start"),
    "windows": (
        "RtlUserThreadStart", "_RtlUserThreadStart", "__RtlUserThreadStart",
        "_RtlUserThreadStart@8", "BaseProcessStart", "BaseThreadStart",
    ),
}  # fmt: skip
ENTRY_POINT = "_start"
KERNEL_FRAMES = ("linux", "android")
SYSTEM_CALLS = ("ntdll.dll", "win32u.dll")  # where Windows' threads wait, in stubs without a frame


def walk(scene: "Scene", registers: Mapping[str, int]) -> Iterator[Step]:
    """The frames of a thread with these registers, innermost first; the first is its context."""
    walker = _Walk(scene)
    frame: Step | None = Step(registers, "context", is_exact=True)
    count = 0
    while frame is not None and count < MOST_FRAMES:
        yield frame
        count += 1
        frame = walker.find_caller(frame, first=count == 1)


class _Walk:
    """One walk. `callee_parameters`: the bytes that the current frame pushed for its callee.

    `is_at_start`: the walk has come to where the system started the thread.
    """

    def __init__(self, scene: "Scene") -> None:
        self.scene = scene
        self.callee_parameters = 0
        self.is_at_start = False
        self.inner_module = ""

    def find_caller(self, frame: Step, *, first: bool) -> Step | None:
        scene, machine = self.scene, self.scene.machine
        pointer = frame.registers[machine.instruction_pointer]
        place = pointer if frame.is_exact else pointer - machine.call_size
        loaded = scene.find_loaded(place)
        self._note_start(loaded)
        hit = loaded.tables.find_function(place - loaded.base) if loaded else None
        is_entry = hit is not None and hit.name == ENTRY_POINT and not frame.is_exact
        if is_entry or _is_entered_by_return(loaded, place, pointer):
            return None
        caller = self._by_kernel(frame, loaded)
        if caller is None and loaded is not None:
            caller = self._by_tables(frame, loaded, place - loaded.base)
            if caller is not None and caller.is_last:
                return None
        if caller is None or not self._is_progress(frame, caller):
            if hit is not None and hit.name in OUTERMOST.get(scene.platform, ()):
                return None
            caller = self._by_guess(frame, loaded, place, first=first)
        if caller is None or not self._is_progress(frame, caller):
            return None
        if machine.name == "x86":
            self.callee_parameters = _size_of_parameters(loaded, place)
        if scene.is_trampoline(caller.registers[machine.instruction_pointer]):
            return caller._replace(is_exact=True)
        return caller

    def _note_start(self, loaded: Loaded | None) -> None:
        """Windows' ntdll calls into kernel32 for nothing but to start a thread."""
        name = loaded.module.name.lower() if loaded else ""
        if name == "ntdll.dll" and self.inner_module == "kernel32.dll":
            self.is_at_start = True
        self.inner_module = name

    def _by_kernel(self, frame: Step, loaded: Loaded | None) -> Step | None:
        if self.scene.platform not in KERNEL_FRAMES:
            return None
        from crashtool.services.unwind.signal_frame import step_by_signal_frame  # Linux alone

        return step_by_signal_frame(self.scene, frame, loaded)

    def _by_tables(self, frame: Step, loaded: Loaded, address: int) -> Step | None:
        cfi = loaded.tables.find_cfi(address)
        if cfi is not None:
            from crashtool.services.unwind.cfi import step_by_cfi  # not without symbols

            return step_by_cfi(self.scene, frame, cfi.rules)
        record = loaded.tables.find_win(address) if self.scene.machine.name == "x86" else None
        if record is not None:
            from crashtool.services.unwind.win import step_by_win

            return step_by_win(self.scene, frame, record, self.callee_parameters)
        return None

    def _by_guess(
        self, frame: Step, loaded: Loaded | None, place: int, *, first: bool
    ) -> Step | None:
        """Without rules for the place: a bad call, a leaf, a chain of frame pointers, a scan."""
        scene = self.scene
        if (
            frame.is_exact
            and _is_no_code(loaded, place)
            and (caller := _return_at_once(scene, frame))
        ):
            return caller
        if (
            frame.is_exact
            and loaded
            and _is_leaf(scene, loaded)
            and (caller := _return_at_once(scene, frame))
        ):
            return caller._replace(trust="cfi")  # no guess: that there are no rules is the rule
        if frame.is_exact and (caller := step_by_link(scene, frame)):
            return caller
        if caller := step_by_frame_pointer(scene, frame):
            return caller
        if self.is_at_start:
            return None
        hit = loaded.tables.find_function(place - loaded.base) if loaded else None
        start = loaded.base + hit.start if loaded and hit and not hit.is_public else None
        at_top = first and loaded is not None and loaded.module.name.lower() in SYSTEM_CALLS
        return step_by_scan(scene, frame, start, first=first, at_top=at_top)

    def _is_progress(self, frame: Step, caller: Step) -> bool:
        """Whether a caller can be one: its code is code, its stack lies further out."""
        machine = self.scene.machine
        pointer = caller.registers.get(machine.instruction_pointer, 0)
        stack = caller.registers.get(machine.stack_pointer)
        if pointer < LOWEST_CODE or stack is None:
            return False
        if caller.is_exact:  # a signal may have come on a stack of its own
            return True
        before = frame.registers.get(machine.stack_pointer, 0)
        return stack > before or (stack == before and frame.is_exact and bool(machine.link))


def _is_entered_by_return(loaded: Loaded | None, place: int, pointer: int) -> bool:
    """Whether a return address is the first instruction of a function that nothing has called.

    makecontext() of glibc lets a coroutine end so: the call that would stand before is padding.
    """
    if (
        loaded is None
        or place == pointer
        or loaded.tables.find_cfi(place - loaded.base) is not None
    ):
        return False
    address = pointer - loaded.base
    rules = loaded.tables.find_cfi(address)
    return rules is not None and rules.start == address


def _is_no_code(loaded: Loaded | None, place: int) -> bool:
    """Whether a thread cannot have been meant to be there: a call through a bad pointer."""
    if loaded is None:
        return True
    tables, address = loaded.tables, place - loaded.base
    if tables.read_code(address, 1) == b"":
        return True
    return tables.knows_functions and tables.find_function(address) is None


def _is_leaf(scene: "Scene", loaded: Loaded) -> bool:
    """Whether code without rules cannot have a frame: so it is on 64-bit Windows."""
    return scene.machine is AMD64_WINDOWS and loaded.tables.knows_unwind


def _return_at_once(scene: "Scene", frame: Step) -> Step | None:
    """The caller of a call that led nowhere: its return address was the last thing pushed."""
    machine = scene.machine
    if machine.link:
        return step_by_link(scene, frame)
    stack = frame.registers.get(machine.stack_pointer)
    address = None if stack is None else scene.read_pointer(stack)
    if stack is None or address is None or not scene.may_return_to(address):
        return None
    kept = {name: frame.registers[name] for name in machine.preserved if name in frame.registers}
    kept[machine.instruction_pointer] = address
    kept[machine.stack_pointer] = stack + machine.width
    return Step(kept, "scan")


def _size_of_parameters(loaded: Loaded | None, place: int) -> int:
    """The bytes of parameters of the function at a place: its caller pushed them."""
    if loaded is None:
        return 0
    address = place - loaded.base
    if record := loaded.tables.find_win(address):
        return record.parameter_size
    hit = loaded.tables.find_function(address)
    return hit.parameter_size if hit else 0
