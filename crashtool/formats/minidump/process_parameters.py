"""How a Windows process was started, read by the `minidump` library from memory that was checked.

TEB ── PEB ── RTL_USER_PROCESS_PARAMETERS ── command line, image path, working folder, environment

The library follows these pointers, raises whatever comes to hand where memory is missing, and
copies the rest of the environment for each of its variables. So each step is looked at first, and
the library is given memory with nothing but the texts that were found and can be decoded. The
environment is counted here and never handed out.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.formats.minidump.memory import Memory

MAX_TEBS = 16  # that are tried for one whose memory is in the dump
SELF_POINTERS = ((8, 0x30), (4, 0x18))  # a pointer's size, and where NT_TIB.Self is (winnt.h)
TEXTS = ("image_path", "command_line", "current_directory")
WIDE = 8  # bytes of a 64-bit pointer
PIECE = 0x20000  # bytes: more than a UNICODE_STRING can have
TEB, PEB, PARAMETERS, FIRST_TEXT = (number * PIECE for number in range(1, 5))  # of the image
MAX_ENVIRONMENT = 1 << 20  # bytes that are searched for its end
AT_ONCE = 1 << 12  # bytes
BYTE_ORDER_MARKS = "\ufeff\ufffe"  # which the library would obey


class ProcessParameters(NamedTuple):
    """What CreateProcess was given; None where the dump does not hold it.

    `environment_count`: how many variables there were, None unless all of them are in the dump.
    """

    image_path: str | None = None
    command_line: str | None = None
    current_directory: str | None = None
    environment_count: int | None = None


def read_process_parameters(memory: Memory, tebs: Iterable[int]) -> ProcessParameters | None:
    """The parameters of the process, by way of the first TEB that leads to them.

    None when the dump does not hold the memory. A TEB is known by its pointer to itself, which
    tells its width as well: a 64-bit writer notes either TEB of a 32-bit program's threads.
    """
    for _, teb in zip(range(MAX_TEBS), filter(None, tebs), strict=False):
        for width, offset in SELF_POINTERS:
            if _read_number(memory, teb + offset, width) == teb:
                parameters = _TebWalk(memory, teb, width).read()
                if parameters is not None:
                    return parameters
    return None


class _TebWalk:
    """The way from one TEB to the parameters."""

    def __init__(self, memory: Memory, teb: int, width: int) -> None:
        from minidump.structures.peb import PEB_OFFSETS

        self._memory = memory
        self._teb = teb
        self._width = width
        self._offsets = PEB_OFFSETS[width == WIDE]

    def read(self) -> ProcessParameters | None:
        peb = self._read_pointer(self._teb, "peb")
        parameters = self._read_pointer(peb, "process_parameters")
        if not parameters:
            return None
        raw = {name: self._read_text(parameters + self._offsets[name]) for name in TEXTS}
        texts = {name: text for name, text in raw.items() if text is not None}
        count = self._count_environment(self._read_pointer(parameters, "environment_variables"))
        if not texts and count is None:
            return None
        parsed = _parse(_MemoryImage(texts, self._width, self._offsets), self._width)
        return ProcessParameters(
            **{name: getattr(parsed, name) for name in texts}, environment_count=count
        )

    def _read_pointer(self, base: int, name: str) -> int:
        """The pointer that a structure has under a name; 0 when it is not in the dump."""
        return base and (_read_number(self._memory, base + self._offsets[name], self._width) or 0)

    def _read_text(self, address: int) -> bytes | None:
        """The text of a UNICODE_STRING, in UTF-16 that can be decoded; None when it is missing."""
        size = _read_number(self._memory, address, 2)
        most = _read_number(self._memory, address + 2, 2)
        buffer = _read_number(self._memory, address + self._offsets["buffer"], self._width)
        if size is None or most is None or buffer is None or size > most or size % 2:
            return None
        raw = self._memory.read(buffer, size) if size else b""
        if raw is None:
            return None
        text = raw.decode("utf-16-le", "replace").lstrip(BYTE_ORDER_MARKS).partition("\0")[0]
        return text.encode("utf-16-le")

    def _count_environment(self, address: int) -> int | None:
        """How many texts there are before the empty one; None when that is not in the dump."""
        count, rest, start = 0, b"", address
        while address and address - start < MAX_ENVIRONMENT:
            block = self._read_some(address)
            if not block:
                return None
            address += len(block)
            *texts, rest = _split(rest + block)
            for text in texts:
                if not text:
                    return count
                count += 1
        return None

    def _read_some(self, address: int) -> bytes:
        """The next bytes of memory, an even number of them."""
        span = self._memory.find_range(address)
        size = span.start + span.size - address if span else 0
        return self._memory.read(address, min(size, AT_ONCE) & ~1) or b"" if size > 1 else b""


def _parse(image: _MemoryImage, width: int) -> Any:
    """What the library makes of the memory."""
    from minidump.streams.SystemInfoStream import PROCESSOR_ARCHITECTURE
    from minidump.structures import peb

    kinds = PROCESSOR_ARCHITECTURE
    reader = SimpleNamespace(
        sysinfo=SimpleNamespace(
            ProcessorArchitecture=kinds.AMD64 if width == WIDE else kinds.INTEL
        ),
        get_buffered_reader=lambda: image,
    )
    threads = SimpleNamespace(threads=[SimpleNamespace(Teb=TEB)])
    return peb.PEB.from_minidump(SimpleNamespace(get_reader=lambda: reader, threads=threads))


class _MemoryImage:
    """The library's reader, over memory that has the texts at places of its own; else zeros."""

    def __init__(self, texts: dict[str, bytes], width: int, offsets: dict[str, int]) -> None:
        self._pieces = {
            TEB + offsets["peb"]: PEB.to_bytes(width, "little"),
            PEB + offsets["process_parameters"]: PARAMETERS.to_bytes(width, "little"),
        }
        for index, (name, text) in enumerate(texts.items()):
            head, address = PARAMETERS + offsets[name], FIRST_TEXT + index * PIECE
            self._pieces[head] = len(text).to_bytes(2, "little")
            self._pieces[head + offsets["buffer"]] = address.to_bytes(width, "little")
            self._pieces[address] = text
        self.current_position = 0
        self.current_segment = SimpleNamespace(end_address=0)

    def move(self, address: int) -> None:
        """Read from `address` on."""
        self.current_position = address
        self.current_segment = SimpleNamespace(end_address=address)

    def read(self, size: int) -> bytes:
        """As many bytes."""
        piece = self._pieces.get(self.current_position, b"")[:size]
        self.current_position += size
        return piece.ljust(size, b"\0")


def _split(data: bytes) -> list[bytes]:
    """Texts in UTF-16 that end with NUL, and what follows the last one."""
    texts, start = [], 0
    end = data.find(b"\0\0")
    while end >= 0:
        if end % 2:  # the halves of two letters
            end = data.find(b"\0\0", end + 1)
            continue
        texts.append(data[start:end])
        start = end + 2
        end = data.find(b"\0\0", start)
    return [*texts, data[start:]]


def _read_number(memory: Memory, address: int, size: int) -> int | None:
    raw = memory.read(address, size)
    return None if raw is None else int.from_bytes(raw, "little")
