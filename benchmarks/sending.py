"""Sending a large dump, and many small ones: throughput against curl, and peak memory."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from dumps import copy_dump, write_full_memory_dump
from peers import CURL, absence, find_peer
from plan import CRASHTOOL, PYTHON, Plan
from rows import Row, megabytes, time_row
from timing import ENVIRONMENT, Program, ProgramFailed, measure

HERE = Path(__file__).resolve().parent
TIME_TARGET = 1.3  # of curl's time, to a sink
STORED_TARGET = 2.0  # and to a receiver that stores what comes
MANY_TARGET = 0.1  # of one curl for each
LARGE = 1 << 20  # bytes
MAX_PEAK = 100_000_000  # bytes


class Server(NamedTuple):
    """A receiver as a process of its own: its submission URL, and where it stores, if it does."""

    url: str
    process: subprocess.Popen[str]
    inbox: Path | None

    @property
    def peak(self) -> int:
        """Bytes of memory it had at most; 0 where the system does not tell."""
        status = Path(f"/proc/{self.process.pid}/status")
        lines = status.read_text().splitlines() if status.exists() else []
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

    def stop(self) -> int:
        """End it; how many reports it has received."""
        answer, _ = self.process.communicate()
        return int(answer)


def measure_sending(plan: Plan) -> Iterator[Row]:
    """`send-dump` and `curl -F` to the same receiver: first a sink, then our own."""
    curl = find_peer(CURL, plan.peers)
    if not curl:
        yield Row("send", "send-dump", skipped=absence(CURL))
        return
    dump = plan.scratch / "sent.dmp"
    size = 2 * plan.large_size
    write_full_memory_dump(plan.dump, dump, size, wide=True)
    name = f"send a dump of {size >> 20:,} MiB"
    ours = [
        send_program(plan, dump, "send-dump --no-gzip", "--no-gzip"),
        send_program(plan, dump, "send-dump, with gzip"),
    ]
    with running_server("sink.py") as server:
        senders = [*ours, curl_program(curl, dump)]
        yield from compare_senders(
            f"{name} to a sink", senders, server, plan.rounds(5), TIME_TARGET
        )
    with running_server("receiver.py", plan.scratch / "inbox") as server:
        senders = [ours[0], curl_program(curl, dump)]
        yield from compare_senders(f"{name} to crashtool serve", senders, server, 3, STORED_TARGET)
    dump.unlink()
    yield from measure_many(plan, curl)


def measure_many(plan: Plan, curl: str) -> Iterator[Row]:
    """Thousands of small dumps in one call against one curl for each."""
    count = 2 * plan.many
    folder = plan.scratch / "many"
    for number, path in enumerate(copy_dump(plan.dump, folder, count)):
        with path.open("ab") as file:
            file.write(b"%016d" % number)  # no two the same
    loop = (
        'for file in "$1"/*; do "$2" --silent --fail -H Expect: '
        '-F "upload_file_minidump=@$file;type=application/octet-stream" "$3" >/dev/null || exit 1;'
        " done"
    )
    shell = shutil.which("sh") or "sh"
    senders = [
        send_program(plan, folder, "send-dump --no-gzip", "--no-gzip"),
        send_program(plan, folder, "send-dump, with gzip"),
        Sender("one curl -F each", [shell, "-c", loop, "sh", str(folder), curl]),
    ]
    name = f"send {count:,} dumps of {plan.dump.stat().st_size >> 10} KiB to a sink"
    with running_server("sink.py") as server:
        yield from compare_senders(name, senders, server, plan.rounds(3), MANY_TARGET, count)


class Sender(NamedTuple):
    """A program that sends; the receiver's URL comes last. `journal` is to be empty before."""

    name: str
    arguments: Sequence[str]
    journal: Path | None = None


def send_program(plan: Plan, dump: Path, name: str, *options: str) -> Sender:
    """Our sender, as if for the first time: our receiver knows again what came before."""
    journal = plan.scratch / "sent.jsonl"
    command = [CRASHTOOL, "send-dump", "--quiet", "--again", *options]
    command += ["--journal", str(journal), str(dump)]
    return Sender(name, [*command, "--url"], journal)


def curl_program(curl: str, dump: Path) -> Sender:
    """The same with curl; without "Expect:" it would first ask for permission."""
    form = f"upload_file_minidump=@{dump};type=application/octet-stream"
    return Sender("curl -F", [curl, "--silent", "--fail", "-H", "Expect:", "-F", form])


def compare_senders(
    name: str, senders: Sequence[Sender], server: Server, rounds: int, target: float, each: int = 1
) -> Iterator[Row]:
    """Send with all, each time as if for the first time; the last is what they are held to."""
    programs = [
        Program(one.name, [*one.arguments, server.url], partial(prepare, server, one.journal))
        for one in senders
    ]
    figures = measure(programs, rounds)
    peak_of_receiver = server.peak
    received, sent = server.stop(), each * len(programs) * (rounds + 1)
    if received != sent:
        raise ProgramFailed(f"{received} of {sent} dumps arrived")
    *ours, reference = (figures[one.name] for one in senders)
    for figure in ours:
        yield time_row(name, figure, reference, target)
        peak, limit = megabytes(figure.peak), megabytes(MAX_PEAK)
        yield Row(name, f"{figure.name}, peak", peak, limit, figure.peak / MAX_PEAK, 1.0)
    if server.inbox and peak_of_receiver:
        peak, limit = megabytes(peak_of_receiver), megabytes(MAX_PEAK)
        yield Row(name, "serve, peak", peak, limit, peak_of_receiver / MAX_PEAK, 1.0)


def prepare(server: Server, journal: Path | None) -> None:
    """Forget what was sent, and empty the large files that the server has stored."""
    if journal:
        journal.unlink(missing_ok=True)
    for path in server.inbox.rglob("*") if server.inbox else ():
        if path.is_file() and path.stat().st_size >= LARGE:
            path.write_bytes(b"")


@contextmanager
def running_server(script: str, inbox: Path | None = None) -> Iterator[Server]:
    """A server of this folder: prints its URL first, and at the end how much it has received."""
    command: Sequence[str] = [PYTHON, str(HERE / script), *([str(inbox)] if inbox else [])]
    process = subprocess.Popen(
        command, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield Server(process.stdout.readline().strip(), process, inbox)
    finally:
        if process.returncode is None:
            process.communicate()
