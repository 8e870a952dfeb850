"""Uploading symbols: one large file, many small ones, and finding them among 100,000 others."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

from peers import CURL, absence, find_peer
from plan import CRASHTOOL, PYTHON, Plan
from rows import Row, megabytes, time_row
from sending import running_server
from timing import Program, measure

TIME_TARGET = 1 / 0.7  # 0.7 of curl's throughput
MAX_PEAK = 120_000_000  # bytes
MANY_TARGET = 0.2  # of one curl for each
FIND_TARGET = None
HEAD = b"MODULE Linux x86_64 000102030405060708090A0B0C0D%04X0 app%d\n" + b"".join(
    b"FILE %d /build/game/part%d.cpp\n" % (number, number) for number in range(300)
)
TAIL = b"PUBLIC 1000 0 _init\n" + b"".join(
    b"STACK CFI INIT %x 40 .cfa: $rsp 8 + .ra: .cfa -8 + ^\n" % place
    for place in range(0x2000, 0x4000, 0x40)
)
SMALL = 200 << 10  # bytes


def measure_upload(plan: Plan) -> Iterator[Row]:
    """A file as large as a large dump twice over, and 2,000 of 200 KiB."""
    curl = find_peer(CURL, plan.peers)
    if not curl:
        yield Row("upload symbols", "upload-symbols", skipped=absence(CURL))
        return
    yield from measure_large_file(plan, curl)
    yield from measure_small_files(plan, curl)


def measure_large_file(plan: Plan, curl: str) -> Iterator[Row]:
    """Time and peak memory for one file, alone and in an archive, against `curl -T`."""
    size = 2 * plan.large_size
    large = plan.scratch / "large" / "app.sym"
    write_symbols(large, 0, size)
    name = f"upload a .sym file of {size >> 20:,} MiB"
    with running_server("sink.py") as server:
        url = server.url.replace("minidump", "symbols")
        base = [CRASHTOOL, "upload-symbols", "--quiet", "--url", url, str(large)]
        alone = Program("upload-symbols --single", [*base, "--single"])
        packed = Program("upload-symbols --no-compression", [*base, "--no-compression"])
        reference = Program(
            "curl -T",
            [curl, "--silent", "--fail", "-H", "Expect:", "-X", "POST", "-T", str(large), url],
        )
        figures = measure([alone, packed, reference], plan.rounds(5))
        server.stop()
    large.unlink()
    for program in (alone, packed):
        figure = figures[program.name]
        yield time_row(name, figure, figures[reference.name], TIME_TARGET)
        peak, limit = megabytes(figure.peak), megabytes(MAX_PEAK)
        ratio = figure.peak / MAX_PEAK
        yield Row(name, f"{program.name}, peak memory", peak, limit, ratio, 1.0)


def measure_small_files(plan: Plan, curl: str) -> Iterator[Row]:
    """All in one call against one curl for each."""
    count = 2 * plan.many
    folder = plan.scratch / "small"
    for number in range(count):
        write_symbols(folder / f"app{number}.sym", number, SMALL)
    with running_server("sink.py") as server:
        url = server.url.replace("minidump", "symbols")
        ours = Program(
            "upload-symbols", [CRASHTOOL, "upload-symbols", "--quiet", "--url", url, str(folder)]
        )
        loop = (
            'for file in "$1"/*; do "$2" --silent --fail -H Expect: -X POST -T "$file" "$3"'
            " >/dev/null || exit 1; done"
        )
        each = Program(
            "one curl each", [shutil.which("sh") or "sh", "-c", loop, "sh", str(folder), curl, url]
        )
        figures = measure([ours, each], plan.rounds(3))
        server.stop()
    name = f"upload {count:,} files of {SMALL >> 10} KiB"
    yield time_row(name, figures[ours.name], figures[each.name], MANY_TARGET)


def measure_discovery(plan: Plan) -> Iterator[Row]:
    """Looking into 100,000 files that are no debug files."""
    count = 100 * plan.many
    tree = plan.scratch / "tree"
    for number in range(0, count, 500):
        folder = tree / f"folder{number}"
        folder.mkdir(parents=True)
        for name in range(number, number + 500):
            (folder / f"{name}.txt").write_bytes(b"no debug file")
    look = "import os,sys\nfor p, _, n in os.walk(sys.argv[1]):\n for f in n:\n  d=os.open(os.path.join(p,f),0); os.read(d,512); os.close(d)"  # noqa: E501
    programs = [
        Program(
            "upload-symbols -n",
            [CRASHTOOL, "upload-symbols", "-n", "-q", "--allow-empty", str(tree)],
        ),
        Program("find -type f", [shutil.which("find") or "find", str(tree), "-type", "f"]),
        Program("reading each head in Python", [PYTHON, "-c", look, str(tree)]),
    ]
    figures = measure(programs, plan.rounds(5))
    name = f"find debug files among {count:,} others"
    ours = figures[programs[0].name]
    for other in programs[1:]:
        yield time_row(name, ours, figures[other.name], FIND_TARGET)


def write_symbols(path: Path, number: int, size: int) -> None:
    """A .sym file of so many bytes, with all that dump_syms writes, and different in each."""
    path.parent.mkdir(exist_ok=True)
    chance = random.Random(number)  # noqa: S311 (it is no secret)
    rows: list[str] = []
    for address in range(0x2000, 0x2000 + min(size, 1 << 20) // 5, 0x40):
        name = f"game::part{chance.randrange(1 << 20)}::step(int)"
        rows.append(f"FUNC {address:x} 40 0 {name}\n")
        rows += [
            f"{address + at:x} 8 {chance.randrange(4000)} {chance.randrange(300)}\n"
            for at in range(0, 0x40, 8)
        ]
    block = "".join(rows).encode()
    with path.open("wb") as stream:
        stream.write(HEAD % (number, number))
        while stream.tell() < size - len(TAIL):
            stream.write(block)
        stream.write(TAIL)
