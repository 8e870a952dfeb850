"""Core files of minidumps that are damaged or lie: an error of ours, or the dump's own bytes."""

import random
import struct
import subprocess
from collections import Counter

import pytest

from crashtool.formats.core_file.machines import X86, X86_64
from crashtool.formats.minidump.file import Minidump
from crashtool.model.module import Module
from crashtool.services.analyze.assemble_report import analyze
from crashtool.services.analyze.core.build import write_core_file
from crashtool.services.analyze.core.images import open_image
from crashtool.services.analyze.core.link_map import PLACES
from tests.damage import attempt
from tests.synth.minidump import MinidumpBuilder
from tests.toolchain import need_programs

MUTATIONS = 300
PIECES = (b"\xff" * 4, b"\0" * 4, b"\0\0\0\x80", b"\xf0\xff\xff\xff", b"\xff\xff\xff\x7f")


def write(path, core):
    with Minidump.open(str(path)) as dump:
        write_core_file(dump, analyze(dump, str(path)), None, str(core))
        return [
            (address, content, dump.memory.read(address, len(content)))
            for address, content in walk_memory(core.read_bytes())
        ]


def walk_memory(content):
    """(address, bytes) of each PT_LOAD that has any; all of them are in the file."""
    is_wide = content[4] == 2
    start, count = (
        (struct.unpack_from("<Q", content, 32)[0], struct.unpack_from("<H", content, 56)[0])
        if is_wide
        else (struct.unpack_from("<I", content, 28)[0], struct.unpack_from("<H", content, 44)[0])
    )
    for index in range(count):
        if is_wide:
            kind, _, offset, address, _, size, memory_size, _ = struct.unpack_from(
                "<IIQQQQQQ", content, start + 56 * index
            )
        else:
            kind, offset, address, _, size, memory_size, _, _ = struct.unpack_from(
                "<8I", content, start + 32 * index
            )
        if kind == 1:
            assert size == memory_size == len(content[offset : offset + size])
            yield address, content[offset : offset + size]


def damage(data, numbers):
    """A dump cut off, or with some bytes or words changed."""
    data = bytearray(data)
    way = numbers.randrange(3)
    if way == 0:
        return data[: numbers.randrange(len(data))]
    for _ in range(numbers.randrange(1, 40)):
        if way == 1:
            data[numbers.randrange(len(data))] = numbers.randrange(256)
        else:
            offset = numbers.randrange(len(data) // 4) * 4
            data[offset : offset + 4] = numbers.choice((*PIECES, numbers.randbytes(4)))
    return data


def test_damaged_dumps_give_core_files_of_their_own_bytes_or_an_error(truth, tmp_path):
    numbers = random.Random(7)  # noqa: S311 (no secret)
    dumps = sorted((truth / "linux" / "cases").glob("*.dmp"))
    path, counts = tmp_path / "damaged.dmp", Counter()
    for _ in range(MUTATIONS):
        path.write_bytes(damage(numbers.choice(dumps).read_bytes(), numbers))
        core = tmp_path / "core"
        core.unlink(missing_ok=True)
        rows, refusal = attempt(write, path, core)
        if refusal:
            assert not core.exists()
            counts["refused"] += 1
            continue
        for address, content, held in rows:
            assert content == held or address in PLACES.values(), hex(address)
        assert core.stat().st_size <= 65536 + 3 * path.stat().st_size
        counts["written"] += 1
    assert counts["refused"] > 5
    assert counts["written"] > MUTATIONS // 2


def test_numbers_that_no_core_file_has_are_written_as_near_as_it_can(tmp_path):
    """A dump that was asked for without a crash has 0xffffffff where a signal's number stands."""
    registers = {"rip": 0x401000, "rsp": 0x7000}
    builder = MinidumpBuilder().add_system(platform="linux")
    builder.add_thread(0xFFFF0007, registers=registers, stack=(0x7000, b"A" * 64))
    builder.set_exception(0xFFFF0007, 0xFFFFFFFF, 0, registers=registers)
    path = tmp_path / "asked.dmp"
    path.write_bytes(builder.pack())
    assert (0x7000, b"A" * 64, b"A" * 64) in write(path, tmp_path / "core")


def test_memory_that_no_32_bit_process_has_is_left_out(tmp_path):
    builder = MinidumpBuilder().add_system(platform="linux", architecture="x86")
    builder.add_thread(7, registers={"eip": 0x401000, "esp": 0x7000}, stack=(0x7000, b"A" * 64))
    builder.add_memory(0xFFFFFFF0, b"B" * 64)
    path = tmp_path / "wide.dmp"
    path.write_bytes(builder.pack())
    assert [address for address, *_ in write(path, tmp_path / "core")] == [0x7000]


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("machine", "flag", "base"),
    [(X86_64, "-m64", (1 << 64) - 0x1000), (X86, "-m32", (1 << 32) - 0x1000)],
    ids=["x86-64", "x86"],
)
def test_a_module_beyond_the_last_address_has_no_image(machine, flag, base, tmp_path):
    need_programs("gcc", flag)
    (tmp_path / "one.c").write_text("int one(void) { return 1; }\n", encoding="utf-8")
    subprocess.run(
        ["gcc", flag, "-shared", "-fPIC", tmp_path / "one.c", "-o", tmp_path / "one.so"], check=True
    )
    path = str(tmp_path / "one.so")
    assert open_image(machine, Module(base, 0x1000, path, path), path) is None
    assert open_image(machine, Module(0x10000000, 0x1000, path, path), path).bias == 0x10000000
