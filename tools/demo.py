"""The main job, end to end, in a temporary folder: crash, handler, upload, receiver, report.

A real process dereferences a null pointer under the real crashpad_handler, which uploads the report
to the local receiver; `inspect` then reads the minidump that arrived.
"""

import importlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urljoin
from urllib.request import urlopen

TOKEN = "0123456789abcdef" * 4
CRASH = "import ctypes; ctypes.string_at(0)"
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("CRASHTOOL_")}


def main() -> int:
    """Run the demo; the exit status is 0 when every step did what it says."""
    with tempfile.TemporaryDirectory(prefix="crashtool-demo-") as name:
        folder = Path(name)
        os.chdir(folder)
        (folder / "game.log").write_text("level 3 loaded\n", encoding="utf-8")
        say("A receiver that answers as Backtrace does")
        receiver = start("serve", "--folder", "inbox", "--port", "0", "--token", TOKEN)
        try:
            return play(folder, read_url(receiver))
        finally:
            receiver.terminate()
            receiver.wait()


def play(folder: Path, url: str) -> int:
    """The steps between the start and the end of the receiver that takes reports at `url`."""
    say("The URL that goes into StartHandler, checked")
    run("make-url", url, "--check")
    say("An unmodified program crashes under the real crashpad_handler (Linux only)")
    status = run(
        "run", "--url", url, "--database", "database",
        "--annotation", "prod=Demo", "--annotation", "ver=1.0", "--attachment", "game.log",
        "--", sys.executable, "-c", CRASH, accept=None,
    )  # fmt: skip
    print(f"[the program ended with {status}, as it would have without crashtool]")
    say("What arrived at the receiver")
    with urlopen(urljoin(url, "/api/reports")) as reply:  # noqa: S310 (loopback)
        reports = json.load(reply)["reports"]
    if len(reports) != 1:
        return complain(f"the receiver holds {len(reports)} reports instead of one")
    dumps = [path for path in sorted((folder / "inbox").rglob("*")) if is_minidump(path)]
    if len(dumps) != 1:
        return complain(f"the receiver holds {len(dumps)} minidumps instead of one")
    say("The same dump read with symbols: here those of the Python that crashed, and its libraries")
    run("inspect", *name_symbols(), "--cache", "cache", dumps[0].relative_to(folder))
    say("Each annotation and attachment, proven to arrive")
    run("smoke", "--annotation", "prod=Demo", "--annotation", "ver=1.0", "--attachment", "game.log")
    print("\nThe demo did all it set out to do.")
    return 0


def name_symbols() -> list[str]:
    """The options that name the program and the libraries of this Python as symbols (Linux)."""
    maps = Path("/proc/self/maps")
    importlib.import_module("ctypes")  # the module that crashed, and what it brings along
    if not maps.is_file():
        return []
    words = [line.split(None, 5) for line in maps.read_text(encoding="utf-8").splitlines()]
    mapped = [row[5] for row in words if len(row) > 5 and "x" in row[1] and "(" not in row[5]]  # noqa: PLR2004
    paths = [path for path in dict.fromkeys(mapped) if path.startswith("/")]
    return [word for path in paths for word in ("--symbols", path)]


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start crashtool in the background; its standard output can be read."""
    show(arguments)
    return subprocess.Popen(
        [sys.executable, "-m", "crashtool", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT,
    )  # fmt: skip


def read_url(receiver: subprocess.Popen[str]) -> str:
    """The first line that `serve` prints: where reports go."""
    line = receiver.stdout.readline().strip() if receiver.stdout else ""
    if not line.startswith("http"):
        sys.exit("the receiver did not start: run `crashtool serve` to see why")
    print(line, flush=True)
    return line


def run(*arguments: object, accept: int | None = 0) -> int:
    """Run crashtool in the foreground; any status but `accept` ends the demo."""
    show(arguments)
    command = [sys.executable, "-m", "crashtool", *map(str, arguments)]
    status = subprocess.run(command, env=ENVIRONMENT, check=False).returncode
    if accept is not None and status != accept:
        sys.exit(f"crashtool {arguments[0]} ended with {status}")
    return status


def is_minidump(path: Path) -> bool:
    """Whether a file begins as minidumps do."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"MDMP"


def say(text: str) -> None:
    """A heading."""
    print(f"\n== {text}", flush=True)


def show(arguments: tuple[object, ...]) -> None:
    """The command as a person would type it; the Python of this environment is just `python`."""
    typed = shlex.join(map(str, arguments)).replace(sys.executable, "python")
    print(f"$ crashtool {typed}", flush=True)


def complain(text: str) -> int:
    """Say what is wrong; the status of a failed demo."""
    print(f"The demo failed: {text}.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
