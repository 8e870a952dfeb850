"""What is slow to get out of debug files: made by a process of its own, and kept.

The library that reads debug information is native code. A file that is damaged in the right way
ends the process that reads it, so that is not ours: it is started when the first file has to be
read, serves for all others, and is started again when a file has killed it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from threading import Timer
from typing import IO, Literal, Protocol, TypeAlias

from crashtool.errors import CrashtoolError, InputUnusable
from crashtool.services.child_environment import child_environment
from crashtool.services.symbols.cache import identify_content

Product: TypeAlias = Literal["lines.symcache", "unwind.cfi"]
LINES: Product = "lines.symcache"
UNWIND: Product = "unwind.cfi"
SECONDS = 20.0  # for a small file, which takes a tenth of one
PER_SECOND = 1_000_000  # bytes of a large one; some sixteen million are usual
CONTENT, END = b"C", b"E"
LENGTH_SIZE = 4
BLOCK = 1 << 16


class DerivedFiles(Protocol):
    """Where what was made is kept; see `services.symbols.cache`."""

    def find(self, key: str, name: str) -> str | None: ...  # noqa: D102
    def put(self, key: str, name: str, write: Callable[[IO[bytes]], None]) -> str: ...  # noqa: D102


class Deriver:
    """Makes products of debug files and keeps them in `files`.

    A damaged file may keep its reader busy for ever: it gets `seconds`, and one more for each
    PER_SECOND of its bytes.
    """

    def __init__(self, files: DerivedFiles, *, seconds: float = SECONDS) -> None:
        self._files = files
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None

    def find(self, product: Product, path: str, architecture: str, *, afresh: bool = False) -> str:
        """The path of a product of a debug file, made now if need be, or `afresh` in any case.

        InputUnusable when it cannot be made.
        """
        key = f"{identify_content(path)}-{architecture}"
        known = None if afresh else self._files.find(key, product)
        if known is not None:
            return known
        return self._files.put(
            key, product, lambda target: self._convert(product, path, architecture, target)
        )

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _convert(self, product: Product, path: str, architecture: str, target: IO[bytes]) -> None:
        process = self._start()
        assert process.stdin is not None  # noqa: S101 (they are pipes)
        assert process.stdout is not None  # noqa: S101
        limit = self._seconds + os.path.getsize(path) / PER_SECOND  # noqa: PTH202
        late = _Limit(limit, process)
        late.start()
        try:
            request = json.dumps([product, os.path.abspath(path), architecture])  # noqa: PTH100
            process.stdin.write(request.encode() + b"\n")
            process.stdin.flush()
            said = _receive(process.stdout, target)
        except OSError:
            said = None
        finally:
            late.cancel()
        if said is None:
            self.close()
            late_words = f"its reader has not ended after {limit:.0f} s"
            why = late_words if late.ran else "it breaks its reader"
            raise InputUnusable(f"the debug information cannot be read: {why}")
        if said:
            raise InputUnusable(said)

    def _start(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=child_environment(PYTHONPATH=os.pathsep.join(filter(None, sys.path))),
            )
        return self._process


class _Limit(Timer):
    """Kills a process after so many seconds, and tells afterwards whether it did."""

    def __init__(self, seconds: float, process: "subprocess.Popen[bytes]") -> None:
        super().__init__(seconds, self._kill)
        self.ran = False
        self._process = process

    def _kill(self) -> None:
        self.ran = True
        self._process.kill()


def _receive(source: IO[bytes], target: IO[bytes]) -> str | None:
    """Write a product to `target`; what was wrong, "" for nothing, None when it was cut short."""
    while True:
        head = source.read(1 + LENGTH_SIZE)
        if len(head) <= LENGTH_SIZE:
            return None
        size = int.from_bytes(head[1:], "little")
        content = source.read(size)
        if len(content) < size:
            return None
        if head[:1] == END:
            return content.decode("utf-8", "replace")
        target.write(content)


class _Sender:
    """The other end of `_receive`: takes what a library writes to a file."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target

    def write(self, content: bytes) -> int:
        self.send(CONTENT, content)
        return len(content)

    def send(self, kind: bytes, content: bytes) -> None:
        self._target.write(kind + len(content).to_bytes(LENGTH_SIZE, "little") + content)
        self._target.flush()


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Make one product after the other as asked, until there are no more requests."""
    from crashtool.services.symbols.native import write_line_table, write_unwind_rules

    writers: dict[str, Callable[[str, str, IO[bytes]], None]] = {
        LINES: write_line_table,
        UNWIND: write_unwind_rules,
    }
    sender = _Sender(answers)
    for line in requests:
        product, path, architecture = json.loads(line)
        try:
            writers[product](path, architecture, sender)  # type: ignore[arg-type]  # it only writes
        except CrashtoolError as error:
            sender.send(END, error.what.encode())
        else:
            sender.send(END, b"")


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
