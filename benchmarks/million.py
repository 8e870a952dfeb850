"""What a day of crashes costs: `triage` on so many generated minidumps, without and with symbols.

    python benchmarks/million.py [COUNT] [--jobs N]... [--cluster] [--scratch DIR] [--json]

Each minidump is that of `small_dump.py`, some 90 KB as Crashpad writes on Windows, with a report
id, a time, a version and a place of its own: BUGS places in the program, the n-th of them 1/n as
frequent as the first. Prints seconds, processor time and peak memory of each call, and of a second
call that finds everything kept by --work; with --cluster, also of a Dask cluster of this machine.
Processor time is told apart by who has taken it: where the first process takes a part p of all, N
others can make it at most 1/p times as fast. The seconds until the first row are those of a call
that is ended then. Ends with 1 when two calls of one input differ, or when
not every minidump was counted.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import NamedTuple

from plan import CRASHTOOL
from small_dump import MODULE_BASE, MODULE_SIZE, build_small_dump

from crashtool.formats.minidump.context import X8664Context
from crashtool.formats.minidump.file import Minidump
from crashtool.formats.minidump.streams import CRASHPAD_INFO
from crashtool.formats.minidump.structs import CrashpadInfoRecord, ExceptionStream, MinidumpHeader

BUGS = 300
FUNCTION = 64  # bytes of each in the symbol file
DAYS = 7
FOLDER = 1000  # minidumps in one
NEWEST = 1_790_000_000
VERSIONS = (b"24.3.0", b"24.3.1", b"24.3.2")


class Cost(NamedTuple):
    """What one call took: seconds, seconds of processors and those of the first process alone, peak
    bytes of the largest process.
    """

    what: str
    count: int
    seconds: float
    processor: float
    first: float
    peak: int
    answer: str
    groups: int

    @property
    def milliseconds(self) -> float:
        """Of processors, for one minidump."""
        return 1000 * self.processor / self.count


# crashtool, and at its end what the process itself has taken of a processor.
TELLING = """
import os, resource, sys
from crashtool.cli import main
try:
    main()
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    with open(os.environ["FIRST_PROCESS"], "w", encoding="ascii") as file:
        file.write(str(used.ru_utime + used.ru_stime))
"""


def write_dumps(folder: Path, count: int) -> None:
    """The minidumps, the same bytes each time."""
    data = bytearray(build_small_dump())
    source = folder.with_suffix(".dmp")
    source.write_bytes(data)
    with Minidump.open(source) as dump:
        exception = dump.exception
        assert exception is not None
        context = exception.context.rva
        record = next(e.rva for e in dump.directory if e.stream_type == 6)
        info = dump.find_place(CRASHPAD_INFO).rva
    source.unlink()
    version = data.index(b"24.3.1")
    chance = random.Random(1)  # noqa: S311 (plausible, not secret)
    weights = [1 / number for number in range(1, BUGS + 1)]
    for number in range(count):
        (bug,) = chance.choices(range(BUGS), weights)
        place = MODULE_BASE + 0x1000 + bug * FUNCTION + 0x10
        put(data, MinidumpHeader, 0, timestamp=NEWEST - chance.randrange(DAYS * 86400))
        put(data, CrashpadInfoRecord, info, report_id=uuid.UUID(int=number + 1).bytes_le)
        put(data, X8664Context, context, rip=place)
        put(data, ExceptionStream, record, address=place)
        data[version : version + 6] = chance.choice(VERSIONS)
        if number % FOLDER == 0:
            (folder / f"{number // FOLDER:05}").mkdir(parents=True)
        (folder / f"{number // FOLDER:05}" / f"{number:08}.dmp").write_bytes(data)


def put(data: bytearray, layout: type, offset: int, **values: object) -> None:
    """Change fields of a struct where it stands."""
    changed = layout.read(data, offset).replace(**values)  # type: ignore[attr-defined]
    data[offset : offset + layout.SIZE] = changed.pack()  # type: ignore[attr-defined]


def write_symbols(folder: Path, dump: Path) -> Path:
    """A symbol file of the program, with a function for each bug."""
    with Minidump.open(dump) as opened:
        identifier = opened.modules[0].debug_id
    assert identifier is not None
    rows = [f"MODULE windows x86_64 {identifier.breakpad} application.pdb", "FILE 0 app.cpp"]
    for start in range(0x1000, MODULE_SIZE, FUNCTION):
        rows.append(f"FUNC {start:x} {FUNCTION:x} 0 app::function{start // FUNCTION}()")
        rows.append(f"{start:x} {FUNCTION:x} {start // FUNCTION} 0")
        rows.append(f"STACK CFI INIT {start:x} {FUNCTION:x} .cfa: $rsp 8 + .ra: .cfa 8 - ^")
    path = folder / "application.sym"
    path.write_text("\n".join(rows) + "\n", encoding="ascii")
    return path


def call(what: str, count: int, arguments: list[str], home: Path) -> Cost:
    """One call, in an environment of its own."""
    environment = make_environment(home)
    answer = home / "answer"
    begin = time.perf_counter()
    with answer.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", TELLING, "triage", *arguments, "--json", "--no-local-symbols"],
            stdout=file,
            stdin=subprocess.DEVNULL,
            env=environment,
        )
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    content = answer.read_bytes()
    document = json.loads(content)
    if process.returncode or document["totals"]["inputs"] != count:
        raise SystemExit(f"{what}: status {process.returncode}, {document['totals']}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(
        what,
        count,
        seconds,
        usage.ru_utime + usage.ru_stime,
        float((home / "first").read_text(encoding="ascii")),
        usage.ru_maxrss * unit,
        hashlib.sha256(content).hexdigest(),
        len(document["groups"]),
    )


def make_environment(home: Path) -> dict[str, str]:
    """One in which nothing is kept from other calls."""
    environment = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment | {"FIRST_PROCESS": str(home / "first")}


def time_first_row(dumps: Path, home: Path) -> float:
    """Seconds until a call that has to read all has written a row."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        [CRASHTOOL, "triage", str(dumps), "--no-local-symbols", "--rows", "-"],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env=make_environment(home),
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    seconds = time.perf_counter() - begin
    process.kill()
    process.communicate()
    assert json.loads(line)["status"] == "ok"
    return seconds


def measure(folder: Path, count: int, jobs: list[int], *, cluster: bool) -> list[Cost]:
    """All calls, in one order."""
    dumps = folder / "dumps"
    dumps.mkdir()
    begin = time.perf_counter()
    write_dumps(dumps, count)
    seconds = time.perf_counter() - begin
    print(f"{count:,} minidumps written in {seconds:.0f} s", file=sys.stderr)
    symbols = write_symbols(folder, dumps / "00000" / "00000000.dmp")
    print(f"first row after {time_first_row(dumps, folder):.2f} s", file=sys.stderr)
    costs = []
    for named, options in (("no symbols", []), ("symbols", ["--symbols", str(symbols)])):
        ways = [(f"{named}, {number} jobs", number, []) for number in jobs]
        if cluster:
            ways.append((f"{named}, cluster of {jobs[-1]}", jobs[-1], ["--cluster", "local"]))
        work = ["--work", str(folder / f"work-{len(options)}")]
        ways += [(f"{named}, --work", jobs[-1], work), (f"{named}, kept", jobs[-1], work)]
        found = [
            call(what, count, [str(dumps), "--jobs", str(number), *options, *more], folder)
            for what, number, more in ways
        ]
        if len({cost.answer for cost in found}) != 1:
            raise SystemExit(f"{named}: answers differ")
        costs += found
    return costs


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", nargs="?", type=int, default=10_000, metavar="COUNT")
    parser.add_argument("--jobs", type=int, action="append", metavar="N")
    parser.add_argument("--cluster", action="store_true", help="needs the extra 'cluster'")
    parser.add_argument("--scratch", type=Path, metavar="DIR", help="90 KB for each minidump")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.scratch) as folder:
        costs = measure(Path(folder), chosen.count, chosen.jobs or [1, 2], cluster=chosen.cluster)
    if chosen.json:
        print(json.dumps([cost._asdict() for cost in costs]))
        return
    print(f"{'':26}{'seconds':>10}{'CPU ms a dump':>16}{'first':>8}{'peak MB':>10}{'groups':>8}")
    for cost in costs:
        print(
            f"{cost.what:26}{cost.seconds:>10.1f}{cost.milliseconds:>16.2f}"
            f"{1000 * cost.first / cost.count:>8.2f}"
            f"{cost.peak / 1e6:>10.0f}{cost.groups:>8}"
        )


if __name__ == "__main__":
    main()
