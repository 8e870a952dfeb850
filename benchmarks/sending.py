"""Sending a large dump: throughput against curl, and peak memory."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from dumps import write_full_memory_dump
from peers import CURL, absence, find_peer
from plan import CRASHTOOL, PYTHON, Plan
from rows import Row, megabytes, time_row
from timing import ENVIRONMENT, Program, ProgramFailed, measure

HERE = Path(__file__).resolve().parent
TIME_TARGET = 2.0  # half of curl's throughput
PEAK_LIMIT = 100_000_000  # bytes


class Server(NamedTuple):
    """A receiver as a process of its own: its submission URL, and where it stores, if it does."""

    url: str
    process: subprocess.Popen[str]
    inbox: Path | None

    def stop(self) -> int:
        """End it; how many reports it has received."""
        answer, _ = self.process.communicate()
        return int(answer)


def measure_sending(plan: Plan) -> Iterator[Row]:
    """`send-dump --no-gzip` and `curl -F` to the same receiver: first a sink, then our own."""
    dump = plan.scratch / "sent.dmp"
    write_full_memory_dump(plan.dump, dump, plan.large_size, wide=True)
    what = f"send a dump of {plan.large_size >> 20:,} MiB"
    with running_server("sink.py") as server:
        yield from compare_senders(f"{what} to a sink", plan, dump, server, plan.rounds(7))
    with running_server("receiver.py", plan.scratch / "inbox") as server:
        yield from compare_senders(f"{what} to crashtool serve", plan, dump, server, 3)


def compare_senders(
    name: str, plan: Plan, dump: Path, server: Server, rounds: int
) -> Iterator[Row]:
    """Send `dump` with both senders, each time as if for the first time."""
    programs = [send_dump_program(plan, dump, server)]
    curl = find_peer(CURL, plan.peers)
    if curl:
        programs.append(curl_program(curl, dump, server))
    figures = measure(programs, rounds)
    received, sent = server.stop(), len(programs) * (rounds + 1)
    if received != sent:
        raise ProgramFailed(f"{received} of {sent} dumps arrived")
    ours = figures["send-dump"]
    if curl:
        yield time_row(name, ours, figures["curl -F"], TIME_TARGET)
    else:
        yield Row(name, ours.name, skipped=absence(CURL))
    peak = megabytes(ours.peak)
    limit = megabytes(PEAK_LIMIT)
    yield Row(name, "send-dump, peak memory", peak, limit, ours.peak / PEAK_LIMIT, 1.0)


def send_dump_program(plan: Plan, dump: Path, server: Server) -> Program:
    """Our sender; its journal starts empty, for it skips what was accepted before."""
    journal = plan.scratch / "sent.jsonl"

    def prepare() -> None:
        journal.unlink(missing_ok=True)
        free_space(server, plan.large_size)

    arguments = ["--no-gzip", "--quiet", "--journal", str(journal), "--url", server.url, str(dump)]
    return Program("send-dump", [CRASHTOOL, "send-dump", *arguments], prepare)


def curl_program(curl: str, dump: Path, server: Server) -> Program:
    """The same with curl; without "Expect:" it would first ask for permission."""
    form = f"upload_file_minidump=@{dump};type=application/octet-stream"
    return Program(
        "curl -F",
        [curl, "--silent", "--fail", "-H", "Expect:", "-F", form, server.url],
        lambda: free_space(server, dump.stat().st_size),
    )


def free_space(server: Server, size: int) -> None:
    """Empty the files of at least `size` bytes that the server has stored."""
    for path in server.inbox.rglob("*") if server.inbox else ():
        if path.is_file() and path.stat().st_size >= size:
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
