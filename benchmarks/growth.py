"""How work grows: many reports in a database, small debug files, dumps; one large scrub."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from dumps import copy_dump, write_full_memory_dump
from peers import CURL, find_peer
from plan import CRASHTOOL, PYTHON_PASS, Plan
from rows import Row, megabytes, milliseconds, time_row
from sending import curl_program, running_server
from timing import Figure, Program, measure

from crashtool.formats.crashpad.apple_double import pack_apple_double
from crashtool.formats.crashpad.metadata import (
    Metadata,
    WindowsReport,
    pack_mac_metadata,
    pack_meta,
    pack_windows_metadata,
)
from crashtool.formats.crashpad.settings import new_settings

DATABASE_TARGET = 20.0  # for twenty times the reports
FILE_TARGET = 0.004  # seconds for a small debug file
CORES_TARGET = 0.6  # of one process's time
ONE_SENT_TARGET = 12.0  # of an idle interpreter
SCRUB_TARGET = 15.0  # seconds for a GiB
PEAK_TARGET = 100_000_000  # bytes
NOW = 1_790_000_000
PREFIX = "org.chromium.crashpad.database."
SOURCE = (
    "int twice(int n) { int s = 0; for (int i = 0; i < n; i++) s += i; return s; }\n"
    "int more(int n) { return twice(n) + twice(n / 2); }\n"
)
BUILD_ID = b"\x01\x23\x45\x67" * 5


def measure_growth(plan: Plan) -> Iterator[Row]:
    """Everything here."""
    yield from measure_databases(plan)
    yield from measure_grading(plan)
    yield from measure_cores(plan)
    yield from measure_one_sent(plan)
    yield from measure_scrubbing(plan)


def measure_databases(plan: Plan) -> Iterator[Row]:
    """`database list` and a dry `send-dump` of twenty times the reports, in each layout."""
    few = plan.many // 5 if plan.quick else 2 * plan.many
    for kind in ("generic", "macos", "windows"):
        roots = [plan.scratch / f"{kind}-{count}" for count in (few, 20 * few)]
        for root, count in zip(roots, (few, 20 * few), strict=True):
            write_database(root, kind, count, plan.dump.read_bytes()[:500])
        programs = [
            Program(f"list {root.name}", [CRASHTOOL, "database", "list", "--limit", "9", str(root)])
            for root in roots
        ]
        figures = measure(programs, plan.rounds(3))
        small, large = (figures[program.name] for program in programs)
        yield time_row(f"database of {20 * few:,} reports", large, small, DATABASE_TARGET)
        for root in roots:
            shutil.rmtree(root)


def write_database(root: Path, kind: str, count: int, dump: bytes) -> None:
    """Reports that wait, a minute apart; all of one minidump, cut short."""
    folder = root / ("reports" if kind == "windows" else "pending")
    folder.mkdir(parents=True)
    (root / "settings.dat").write_bytes(new_settings(UUID(int=1), uploads_enabled=True).pack())
    rows = []
    for number in range(count):
        uuid = UUID(int=(0x4DEF << 64) + number)
        path = folder / f"{uuid}.dmp"
        path.write_bytes(dump)
        known = Metadata(created=NOW - 60 * number)
        if kind == "generic":
            path.with_suffix(".meta").write_bytes(pack_meta(known))
        elif kind == "macos":
            values = pack_mac_metadata(known) | {
                "uuid": str(uuid).encode(),
                "creation_time": b"%d" % known.created,
            }
            named = {PREFIX + name: value for name, value in values.items() if value is not None}
            path.with_name("._" + path.name).write_bytes(pack_apple_double(named))
        rows.append(WindowsReport(uuid, path.name, "pending", known))
    if kind == "windows":
        (root / "metadata").write_bytes(pack_windows_metadata(rows))


def measure_grading(plan: Plan) -> Iterator[Row]:
    """`symbols check` of many small libraries, none of them seen before."""
    name = f"check {plan.many:,} small libraries"
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        yield Row(name, "symbols check, a file", skipped="needs a C compiler")
        return
    folder = plan.scratch / "libraries"
    folder.mkdir()
    write_libraries(compiler, folder, plan.many)
    cache = plan.scratch / "cache"
    check = Program(
        "symbols check",
        [
            shutil.which("env") or "env",
            f"XDG_CACHE_HOME={cache}",
            CRASHTOOL,
            "symbols",
            "check",
            str(folder),
        ],
        lambda: shutil.rmtree(cache, ignore_errors=True),
    )
    figure = measure([check], plan.rounds(3))[check.name]
    each = figure.fastest / plan.many
    yield Row(
        name,
        "symbols check, a file",
        milliseconds(each),
        milliseconds(FILE_TARGET),
        each / FILE_TARGET,
        1.0,
    )


def write_libraries(compiler: str, folder: Path, count: int) -> None:
    """Copies of one library, each with a build id of its own."""
    source, first = folder.parent / "small.c", folder.parent / "small.so"
    source.write_text(SOURCE)
    options = ["-g", "-O1", "-shared", "-fPIC", f"-Wl,--build-id=0x{BUILD_ID.hex()}"]
    subprocess.run([compiler, *options, "-o", first, source], check=True)
    data = first.read_bytes()
    for number in range(count):
        own = number.to_bytes(4, "big") + BUILD_ID[4:]
        (folder / f"lib{number}.so").write_bytes(data.replace(BUILD_ID, own))


def measure_cores(plan: Plan) -> Iterator[Row]:
    """Many dumps by two processes and by one, and the memory that one takes."""
    folder = plan.scratch / "lines"
    list(copy_dump(plan.dump, folder, plan.many))
    base = [CRASHTOOL, "inspect", "--json-lines", "--no-local-symbols"]
    two = Program("inspect --json-lines --jobs 2", [*base, "--jobs", "2", str(folder)])
    one = Program("--jobs 1", [*base, "--jobs", "1", str(folder)])
    figures = measure([two, one], plan.rounds(5))
    name = f"inspect {plan.many:,} dumps"
    yield time_row(name, figures[two.name], figures[one.name], CORES_TARGET)
    yield _limit_peak(name, figures[one.name])


def measure_one_sent(plan: Plan) -> Iterator[Row]:
    """One small dump over plain HTTP, against an idle interpreter, and beside curl."""
    name = "send one small dump"
    curl = find_peer(CURL, plan.peers)
    with running_server("sink.py") as server:
        command = [CRASHTOOL, "send-dump", "--quiet", "--again", "--url", server.url]
        programs = [Program("send-dump", [*command, str(plan.dump)]), PYTHON_PASS]
        if curl:
            sender = curl_program(curl, plan.dump)
            programs.append(Program(sender.name, [*sender.arguments, server.url]))
        figures = measure(programs, plan.rounds(25))
        server.stop()
    ours, idle, *others = (figures[program.name] for program in programs)
    yield time_row(name, ours, idle, ONE_SENT_TARGET)
    for other in others:
        yield time_row(name, ours, other)


def measure_scrubbing(plan: Plan) -> Iterator[Row]:
    """`send-dump --scrub environment` and `inspect --secrets` of a large dump."""
    dump = plan.scratch / "scrubbed.dmp"
    write_full_memory_dump(plan.dump, dump, plan.large_size, wide=True)
    fill_with_files(dump, plan.large_size)
    url = "http://127.0.0.1:9/u/" + "0123456789abcdef" * 4 + "/minidump"
    send = Program(
        "send-dump --scrub environment",
        [
            CRASHTOOL,
            "send-dump",
            "-q",
            "-n",
            "--scrub",
            "environment",
            "--url",
            url,
            str(dump),
        ],
    )
    look = Program("inspect --secrets", [CRASHTOOL, "inspect", "--brief", "--secrets", str(dump)])
    figures = measure([send, look], plan.rounds(3))
    name = f"a dump of {plan.large_size >> 20:,} MiB"
    limit = SCRUB_TARGET * plan.large_size / (1 << 30)
    for program in (send, look):
        figure = figures[program.name]
        yield Row(
            name,
            figure.name,
            milliseconds(figure.fastest),
            milliseconds(limit),
            figure.fastest / limit,
            1.0,
        )
        yield _limit_peak(name, figure)
    dump.unlink()


def fill_with_files(dump: Path, size: int) -> None:
    """Write what a machine's own files hold over half of a dump's memory, a MiB in two."""
    pool = b"".join(
        path.read_bytes()[: 4 << 20]
        for path in sorted(Path("/usr/bin").glob("[a-g]*"))[:200]
        if path.is_file()
    ) or bytes(range(256))
    pool *= 1 + (2 << 20) // len(pool)
    with dump.open("r+b") as file:
        for place in range(1 << 20, size - (1 << 20), 2 << 20):
            start = place * 7 % (len(pool) - (1 << 20))
            file.seek(place)
            file.write(pool[start : start + (1 << 20)])


def _limit_peak(name: str, figure: Figure) -> Row:
    peak, limit = megabytes(figure.peak), megabytes(PEAK_TARGET)
    ratio = figure.peak / PEAK_TARGET
    return Row(name, f"{figure.name}, peak memory", peak, limit, ratio, 1.0)
