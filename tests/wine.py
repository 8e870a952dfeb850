"""Programs for Windows, run under Wine; among them the real crashpad_handler, if it was got."""

import os
import shutil
import socketserver
import subprocess
import threading
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

HANDLER = Path(__file__).resolve().parent.parent / ".cache" / "windows" / "crashpad_handler.exe"
SERVER = Path("/usr/lib/wine/wineserver")
TIMEOUT = 120  # seconds; a new prefix takes twelve


class Wine:
    """A prefix of its own, made before the first program runs: two at once spoil it."""

    def __init__(self, program: str, home: Path) -> None:
        self.program = program
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "WINEPREFIX": str(home / "prefix"),
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree,mshtml,explorer.exe=",
        }

    @cache  # noqa: B019 (there is one of them, for a whole session)
    def make_prefix(self) -> None:
        subprocess.run(
            [self.program, "wineboot.exe", "--init"],
            env=self.environment,
            timeout=TIMEOUT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )

    def start(self, folder, *arguments, **variables):
        self.make_prefix()
        return subprocess.Popen(
            [self.program, *map(str, arguments)],
            cwd=folder,
            env=self.environment | variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def run(self, folder, *arguments, **variables):
        process = self.start(folder, *arguments, **variables)
        try:
            return process.wait(timeout=TIMEOUT)
        finally:
            process.kill()
            process.wait()

    @contextmanager
    def handler(self, database: Path, pipe: str, *options: str):
        """A handler that listens on a pipe; it does not end by itself."""
        if not HANDLER.is_file():
            pytest.skip("needs the handler for Windows: make winhandler")
        process = self.start(
            database.parent,
            HANDLER,
            f"--pipe-name=\\\\.\\pipe\\{pipe}",
            f"--database={windows_path(database)}",
            *options,
        )
        try:
            yield
        finally:
            process.kill()
            process.wait()

    def end(self) -> None:
        if SERVER.exists():
            subprocess.run([str(SERVER), "-k"], env=self.environment, check=False)


def windows_path(path: Path) -> str:
    """How a program under Wine calls a file of this system."""
    return "Z:" + str(path).replace("/", "\\")


@pytest.fixture(scope="session")
def wine(tmp_path_factory):
    """Wine, or None."""
    program = shutil.which("wine64") or shutil.which("wine")
    if not program:
        yield None
        return
    made = Wine(program, tmp_path_factory.mktemp("wine"))
    yield made
    made.end()


@contextmanager
def eager_receiver(answer=b'{"response":"ok","_rxid":"w1"}'):
    """A server that answers as soon as it has the head, and what it was asked for.

    Wine's WinHTTP waits for the answer before it sends a chunked body; Windows' does not.
    """
    asked: list[str] = []

    class Answer(socketserver.StreamRequestHandler):
        def handle(self):
            lines = iter(self.rfile.readline, b"\r\n")
            asked.append(next(lines, b"").decode().strip())
            for line in lines:
                if not line:
                    return
            head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
            self.wfile.write(head % len(answer) + answer)
            self.wfile.flush()
            self.connection.settimeout(5)
            with self.connection:
                try:
                    while self.connection.recv(1 << 16):
                        pass
                except OSError:
                    return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/u/t/minidump", asked
        finally:
            server.shutdown()
            thread.join()
