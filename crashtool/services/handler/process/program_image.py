"""What an executed file means for whoever traces its process: it traces others, it has rights."""

from __future__ import annotations

import contextlib
import mmap
import os
import stat
import sys

from crashtool.errors import CrashtoolError
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.elf import MAGIC, read_layout
from crashtool.services.handler.process.supported import NEEDS_LINUX
from crashtool.services.handler.process.target import read_file

if sys.platform != "linux":
    raise ImportError(NEEDS_LINUX)

_PTRACE = b"\0ptrace\0"
_LEAK_CHECKERS = (
    b"\0__asan_init\0",
    b"\0__lsan_init\0",
    b"\0libasan.so",
    b"\0liblsan.so",
    b"\0libclang_rt.asan",
)
# Those that are often linked statically, or make the call without libc's function.
_TRACERS = frozenset(("dlv", "gdb", "gdbserver", "lldb-server", "ltrace", "rr", "strace"))
# Those that can, but do not unless they are configured to (sudo's intercept).
_SELDOM_TRACERS = frozenset(("sudo",))
# Wine's server attaches to whoever runs a Windows program, for its debugger.
_WINE = frozenset(("wine", "wine64", "wine-preloader", "wine64-preloader"))
_CAPABILITIES = "security.capability"  # linux/xattr.h
_NO_LEAKS = b"detect_leaks=0"
_MAX_NAMES = 1 << 24  # bytes of names that are looked through


class ImageTraits(NamedTuple):
    """What a program does that a tracer would spoil.

    `traces`: it calls ptrace itself, as debuggers do. `checks_leaks`: LeakSanitizer is in it, which
    traces the very process at its end. `is_privileged`: executing it gives rights that the kernel
    withholds from traced processes (set-user-ID, set-group-ID, capabilities). `is_served`: a server
    traces it whenever it likes.
    """

    traces: bool = False
    checks_leaks: bool = False
    is_privileged: bool = False
    is_served: bool = False


class ImageReader:
    """Looks at each file once, however often it is executed."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], ImageTraits] = {}

    def read(self, pid: int) -> ImageTraits:
        """The traits of what a process executes; none that can be seen where it is out of reach."""
        path = f"/proc/{pid}/exe"
        try:
            result = os.stat(path)  # noqa: PTH116 (at each exec: no pathlib on this way)
        except OSError:
            return ImageTraits()
        key = (result.st_dev, result.st_ino, result.st_mtime_ns, result.st_ctime_ns)
        if key not in self._known:
            self._known[key] = _read_traits(path, result.st_mode)
        traits = self._known[key]
        return traits._replace(checks_leaks=_checks_leaks(pid, built_in=traits.checks_leaks))


def _read_traits(path: str, mode: int) -> ImageTraits:
    privileged = bool(mode & stat.S_ISUID) or mode & (stat.S_ISGID | stat.S_IXGRP) == (
        stat.S_ISGID | stat.S_IXGRP
    )
    with contextlib.suppress(OSError):
        privileged = privileged or bool(os.getxattr(path, _CAPABILITIES))
    names = _read_names(path)
    name = ""
    with contextlib.suppress(OSError):
        name = os.path.basename(os.readlink(path))  # noqa: PTH115, PTH119
    return ImageTraits(
        traces=name in _TRACERS or (_PTRACE in names and name not in _SELDOM_TRACERS),
        checks_leaks=any(name in names for name in _LEAK_CHECKERS),
        is_privileged=privileged,
        is_served=name in _WINE,
    )


def _read_names(path: str) -> bytes:
    """The names that an ELF file gives to the dynamic linker; b"" when it has none to be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as data:
            layout = read_layout(data) if data[: len(MAGIC)] == MAGIC else None
            sections = layout.sections if layout else ()
            section = next((section for section in sections if section.name == ".dynstr"), None)
            if section is None:
                return b""
            return data[section.offset : section.offset + min(section.size, _MAX_NAMES)]
    except (OSError, ValueError, CrashtoolError):
        return b""
    finally:
        os.close(descriptor)


def _checks_leaks(pid: int, *, built_in: bool) -> bool:
    """Whether leaks are looked for at its end: built in or preloaded, and not turned off."""
    try:
        rows = read_file(f"/proc/{pid}/environ").split(b"\0")
    except OSError:
        return built_in
    preloaded = any(
        variable.startswith(b"LD_PRELOAD=") and (b"libasan" in variable or b"liblsan" in variable)
        for variable in rows
    )
    options = [
        variable for variable in rows if variable.startswith((b"ASAN_OPTIONS=", b"LSAN_OPTIONS="))
    ]
    return (built_in or preloaded) and not any(_NO_LEAKS in variable for variable in options)
