"""The main job, end to end, on the machine as it is: crash, minidump, upload, receiver, report.

A small program of the demo's own reads through a null pointer under `crashtool run`; a real
crashpad_handler dumps and uploads it, or crashtool itself where none starts. A local receiver takes
the report, which is read there again. What the demo made stays, so that its inbox can be opened.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from urllib.request import urlopen

from crashtool.errors import CrashtoolError
from crashtool.formats.object_file.elf_structs import ElfSegment64, Header64
from crashtool.services.workers.child_environment import child_environment

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "tools" / "demo_program" / "game"
FOLDER = ROOT / ".cache" / "demo"
WORDS = ("--annotation", "prod=Demo", "--annotation", "ver=1.0", "--attachment", "game.log")
PATIENCE = 60  # seconds, for a receiver on a busy machine
CRASHED = -11
SEGMENT_UNUSED, SEGMENT_INTERPRETER = 0, 3  # elf.h


def main() -> int:
    """Run the demo; the exit status is 0 when every step did what it says."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return complain("its program is one for Linux on x86-64; elsewhere try `crashtool serve`")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    os.chdir(FOLDER)
    Path("game.log").write_text("level 3 loaded\n", encoding="utf-8")
    prepare_program(Path("game"))
    say(1, "A receiver that answers as Backtrace does, on this machine alone")
    receiver = start("serve", "--folder", "inbox", "--port", "0")
    try:
        return play(read_url(receiver))
    finally:
        receiver.terminate()
        receiver.wait()


def play(url: str) -> int:
    """The steps between the start and the end of the receiver that takes reports at `url`."""
    say(2, "The URL that goes into StartHandler, checked")
    run("make-url", url, "--check")
    say(3, "The program's symbols, checked and uploaded")
    run("upload-symbols", "--url", url.replace("minidump", "symbols"), "game", accept=None)
    say(4, "The program crashes, unmodified; its report goes to the receiver")
    status = run("run", "--url", url, "--database", "database", *WORDS, "--", "./game", accept=None)
    if status != CRASHED:
        return complain(f"the program ended with {status}, not with a segmentation fault")
    print("[the program ended as it would have without crashtool: killed by SIGSEGV]")
    say(5, "What arrived at the receiver")
    reports = wait_for_reports(url)
    if len(reports) != 1:
        return complain(f"the receiver holds {len(reports)} reports instead of one")
    tell_arrival(reports[0], fetch(url, f"/api/reports/{reports[0]['rxid']}")["files"])
    dumps = [path for path in sorted(Path("inbox").rglob("*")) if is_minidump(path)]
    if len(dumps) != 1:
        return complain(f"the receiver holds {len(dumps)} minidumps instead of one")
    say(6, "The minidump that arrived, as scripts like it: in one line")
    run("inspect", "--symbols", "game", "--cache", "cache", "--brief", dumps[0])
    prove_delivery()
    tell_inbox()
    print("\nThe demo did all it set out to do.")
    return 0


def wait_for_reports(url: str) -> list[dict[str, Any]]:
    """The reports at the receiver, once it has read them: it answers a sender before it does."""
    deadline = time.monotonic() + PATIENCE
    while True:
        rows = fetch(url, "/api/reports")["reports"]
        reports = [row for row in rows if row["format"] == "minidump"]
        if all(row["headline"] for row in reports) or time.monotonic() > deadline:
            return reports
        time.sleep(0.1)


def prepare_program(path: Path) -> None:
    """The program that crashes, in the folder of the demo.

    It needs nothing from a program loader: where glibc's is missing, as on a system of musl, the
    entry that asks for it is struck out.
    """
    data = bytearray(PROGRAM.read_bytes())
    header = Header64.read(data)
    for number in range(header.segment_count):
        place = header.segments_offset + number * header.segment_size
        row = ElfSegment64.read(data, place)
        name = bytes(data[row.offset : row.offset + row.file_size]).rstrip(b"\0")
        if row.segment_type == SEGMENT_INTERPRETER and not os.path.exists(name):  # noqa: PTH110
            packed = row.replace(segment_type=SEGMENT_UNUSED).pack()
            data[place : place + len(packed)] = packed
    path.write_bytes(data)
    path.chmod(0o755)


def tell_arrival(report: dict[str, Any], files: list[dict[str, Any]]) -> None:
    """What the receiver knows of the report."""
    print(report["headline"])
    print(f"  product {report['product']}, version {report['version']}")
    print(f"  signature {report['signature']}, symbols {report['symbols'] or 'none'}")
    for file in files:
        print(f"  {file['name']}, {file['size']:,} bytes")


def prove_delivery() -> None:
    """Run `smoke`, which needs a handler; without one say why not."""
    from crashtool.services.handler.crashpad_handler.find import find_handler

    say(7, "Each annotation and attachment, proven to arrive through a real crashpad_handler")
    try:
        find_handler()
    except CrashtoolError as error:
        print(f"left out: {error.what}" + (f"\n  {error.hint}" if error.hint else ""))
        return
    run("smoke", *WORDS)


def tell_inbox() -> None:
    """How to look at what arrived in a browser."""
    program = Path(sys.executable).with_name("crashtool")
    shown = [os.path.relpath(path, ROOT) for path in (program, FOLDER / "inbox")]
    print("\nThe inbox is kept. To see the report in a browser, start its receiver again:")
    print(f"  {shlex.quote(shown[0])} serve --folder {shlex.quote(shown[1])}")
    print("and open the address that it gives for the inbox; Ctrl-C ends it.")


def fetch(url: str, path: str) -> Any:
    """A JSON document of the receiver."""
    with urlopen(urljoin(url, path)) as reply:  # noqa: S310 (loopback)
        return json.load(reply)


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start crashtool in the background; its standard output can be read."""
    show(arguments)
    return subprocess.Popen(
        [sys.executable, "-m", "crashtool", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=child_environment(),
    )


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
    status = subprocess.run(command, env=child_environment(), check=False).returncode
    if accept is not None and status != accept:
        sys.exit(f"crashtool {arguments[0]} ended with {status}")
    return status


def is_minidump(path: Path) -> bool:
    """Whether a file begins as minidumps do."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"MDMP"


def say(number: int, text: str) -> None:
    """A heading."""
    print(f"\n== {number} of 7: {text}", flush=True)


def show(arguments: tuple[object, ...]) -> None:
    """The command as a person would type it."""
    print(f"$ crashtool {shlex.join(map(str, arguments))}", flush=True)


def complain(text: str) -> int:
    """Say what is wrong; the status of a failed demo."""
    print(f"The demo failed: {text}.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
