"""A client of the debug adapter protocol, which editors speak to debuggers."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

ADAPTERS = (
    "lldb-dap",
    "lldb-vscode",
    *(f"lldb-dap-{version}" for version in range(24, 17, -1)),
    *(f"lldb-vscode-{version}" for version in range(17, 12, -1)),
)


def need_adapter() -> str:
    """The path of lldb's own adapter; the test is skipped without one."""
    paths = (shutil.which(name) for name in ADAPTERS)
    found = next((path for path in paths if path), None)
    if not found:
        pytest.skip("needs lldb-dap")
    return found


class DebugAdapter:
    """One session: requests and their answers; what comes in between is kept."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._number = 0
        self._kept: list[dict[str, Any]] = []

    def send(self, command: str, **arguments: Any) -> int:
        """Send a request; its number."""
        self._number += 1
        message = {
            "seq": self._number,
            "type": "request",
            "command": command,
            "arguments": arguments,
        }
        content = json.dumps(message).encode()
        assert self._process.stdin
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(content) + content)
        self._process.stdin.flush()
        return self._number

    def wait_for(self, **wanted: Any) -> dict[str, Any]:
        """The first message that has these values."""
        for message in self._walk():
            if wanted.items() <= message.items():
                return message
        raise AssertionError(f"the adapter ended before {wanted}: {self._kept}")

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """A request's answer."""
        number = self.send(command, **arguments)
        return self.wait_for(type="response", request_seq=number)

    def _walk(self) -> Iterator[dict[str, Any]]:
        yield from self._kept
        assert self._process.stdout
        while line := self._process.stdout.readline():
            size = int(line.partition(b":")[2])
            assert not self._process.stdout.readline().strip()
            message = json.loads(self._process.stdout.read(size))
            self._kept.append(message)
            yield message


@contextmanager
def adapter_session(path: str) -> Iterator[DebugAdapter]:
    """A running adapter, which is ended with the session."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([path], stderr=subprocess.DEVNULL, **pipes) as process:
        try:
            yield DebugAdapter(process)
        finally:
            process.kill()
