"""Sends thousands of reports through faults and kills of both sides, then counts what arrived.

    python benchmarks/soak.py [--reports N] [--kills N] [--seed N] [--scratch DIR]

`crashtool send-dump --jobs 8` sends a folder to `crashtool serve`, which answers some requests with
errors, resets, cut or no answers. Both are killed (SIGKILL) and started again, at random moments of
the first three fifths. Ends with status 1 unless every report is stored, and only once. Linux only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from plan import CRASHTOOL
from rows import megabytes
from small_dump import build_small_dump
from timing import ENVIRONMENT

from crashtool.services.receiver.inbox import Inbox

FAULTS = ("503%2@0", "429%1@0", "reset%2", "close%1", "truncate%2", "hang%0.1")
JOBS = 8
PAUSE = 0.1  # seconds
KILLED_WITHIN = 0.6  # of the reports; after that memory is watched


class Sample(NamedTuple):
    """Resident bytes of both sides when so many reports were accepted."""

    accepted: int
    sender: int
    receiver: int


class Soak:
    """The two processes, and the files between them."""

    def __init__(self, scratch: Path, reports: int) -> None:
        self.dumps = scratch / "dumps"
        self.inbox = scratch / "inbox"
        self.journal = scratch / "journal.jsonl"
        self.reports = reports
        self.restarts: Counter[str] = Counter()
        self.samples: list[Sample] = []
        write_dumps(self.dumps, reports)
        self.receiver, self.url = start_receiver(self.inbox, "0")
        self.sender = self.start_sender()

    def start_sender(self) -> subprocess.Popen[bytes]:
        """One call of send-dump for the whole folder."""
        command = [
            CRASHTOOL,
            "send-dump",
            "--quiet",
            "--jobs",
            str(JOBS),
            "--url",
            self.url,
            "--timeout",
            "10",
            "--retry-for",
            "300",
            "--journal",
            str(self.journal),
            str(self.dumps),
        ]
        quiet = subprocess.DEVNULL
        return subprocess.Popen(command, env=ENVIRONMENT, stdout=quiet, stderr=quiet)

    def accepted(self) -> int:
        """How many acceptances are in the journal."""
        return self.journal.read_bytes().count(b"\n") if self.journal.exists() else 0

    def run(self, kills: list[tuple[int, str]]) -> int:
        """Send everything, killing on the way; the status of the last call."""
        while (status := self.sender.poll()) is None or kills:
            accepted = self.accepted()
            if kills and accepted >= kills[0][0]:
                self.kill(kills.pop(0)[1])
            elif status is not None:
                return status
            elif not kills:
                self.sample(accepted)
            time.sleep(PAUSE)
        return status

    def kill(self, side: str) -> None:
        """Kill one side in whatever it is doing, and start it again."""
        self.restarts[side] += 1
        if side == "sender":
            self.sender.kill()
            self.sender.wait()
            self.sender = self.start_sender()
            return
        self.receiver.kill()
        self.receiver.communicate()
        self.receiver, _ = start_receiver(self.inbox, self.url.split("/")[2].rpartition(":")[2])

    def sample(self, accepted: int) -> None:
        """Note what both take of memory."""
        sizes = [read_resident(process.pid) for process in (self.sender, self.receiver)]
        if all(sizes):
            self.samples.append(Sample(accepted, *sizes))

    def stop(self) -> None:
        """End what still runs."""
        self.sender.kill()
        self.receiver.send_signal(signal.SIGTERM)
        self.receiver.communicate()


def start_receiver(inbox: Path, port: str) -> tuple[subprocess.Popen[str], str]:
    """`crashtool serve` with its faults, and its submission URL, which it prints first."""
    faults = [part for fault in FAULTS for part in ("--fault", fault)]
    command = [CRASHTOOL, "serve", "--port", port, "--folder", str(inbox), *faults]
    process = subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def write_dumps(folder: Path, count: int) -> None:
    """So many small minidumps, no two the same."""
    folder.mkdir()
    dump = build_small_dump()
    for number in range(count):
        (folder / f"{number:06}.dmp").write_bytes(dump + b"%016d" % number)


def read_resident(process: int) -> int:
    """Bytes of memory a process has; 0 when it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    lines = [line.split() for line in status.splitlines() if line.startswith("VmRSS")]
    return int(lines[0][1]) * 1024 if lines else 0


def count_stored(inbox: Path) -> tuple[Counter[str], set[str]]:
    """How often each content is stored, and all report ids."""
    contents: Counter[str] = Counter()
    ids = set()
    for report in Inbox(inbox).reports():
        ids.add(report.rxid)
        if report.minidump:
            contents[hashlib.sha256(report.minidump.read_bytes()).hexdigest()] += 1
    return contents, ids


def plan_kills(reports: int, count: int, chance: random.Random) -> list[tuple[int, str]]:
    """After how many acceptances which side is killed."""
    places = sorted(chance.sample(range(1, int(reports * KILLED_WITHIN)), count))
    return [(place, chance.choice(("sender", "receiver"))) for place in places]


def main() -> int:
    """Soak, count, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reports", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scratch", type=Path)
    wanted = parser.parse_args()
    chance = random.Random(wanted.seed)  # noqa: S311 (it is no secret)
    with tempfile.TemporaryDirectory(dir=wanted.scratch) as folder:
        soak = Soak(Path(folder), wanted.reports)
        began = time.monotonic()
        try:
            status = soak.run(plan_kills(wanted.reports, wanted.kills, chance))
        finally:
            soak.stop()
        seconds = time.monotonic() - began
        contents, ids = count_stored(soak.inbox)
        journal = [json.loads(line) for line in soak.journal.read_text().splitlines()]
    lost = sum(entry["rxid"] not in ids for entry in journal)
    missing, twice = wanted.reports - len(contents), sum(n - 1 for n in contents.values())
    print(f"{wanted.reports:,} reports in {seconds:,.0f} s; restarts: {dict(soak.restarts)}")
    print(
        f"status {status}; accepted {len(journal):,}; accepted and lost {lost}; "
        f"never stored {missing}; stored more than once {twice}"
    )
    for side in ("sender", "receiver"):
        sizes = [getattr(sample, side) for sample in soak.samples]
        part = max(1, len(sizes) // 5)
        first, last = max(sizes[:part], default=0), max(sizes[-part:], default=0)
        print(
            f"{side}: {megabytes(first)} in the first fifth after the kills, "
            f"{megabytes(last)} in the last: {last / max(first, 1):.2f} x"
        )
    return int(bool(status or lost or missing or twice))


if __name__ == "__main__":
    sys.exit(main())
