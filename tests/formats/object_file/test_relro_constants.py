"""What the loader leaves alone in .data.rel.ro: held against a running process."""

import os
import subprocess
import sys
from pathlib import Path
from struct import pack

import pytest

from crashtool.formats.object_file.elf import read_layout
from crashtool.formats.object_file.relro_constants import RelroConstants, walk_packed
from tests.toolchain import need

SOURCE = r"""
#include <cstdio>
#include <typeinfo>
struct Top { virtual ~Top() {} long top = 1; };
struct Left : virtual Top { int left = 2; };
struct Right : virtual Top { int right = 3; };
struct Both : Left, Right { int both = 4; };
extern const char *const words[] = {"one", "two"};
extern const struct { long number; const char *text; } rows[] = {{7, "seven"}, {8, "eight"}};
int main() {
  Both both;
  std::printf("ready %p %s %p\n", (void *)&both, typeid(both).name(), (void *)words);
  std::printf("%p\n", (void *)rows);
  std::fflush(stdout);
  std::getchar();
}
"""
BUILDS = {
    "position-independent": ["-fPIE", "-pie"],
    "fixed": ["-fno-pie", "-no-pie"],  # with copies of what libraries have
    "packed": ["-fPIE", "-pie", "-Wl,-z,pack-relative-relocs"],
    "32-bit": ["-m32", "-fPIE", "-pie"],
}


@pytest.fixture(params=BUILDS)
def process(request, tmp_path):
    if sys.platform != "linux":
        pytest.skip("needs Linux")
    need("g++")
    program = tmp_path / "program"
    (tmp_path / "program.cc").write_text(SOURCE, encoding="utf-8")
    line = ["g++", "-O0", *BUILDS[request.param], "-o", program, "program.cc"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"g++ {' '.join(BUILDS[request.param])} makes no such program here")
    started = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert started.stdout.readline().startswith(b"ready")
    yield program, started.pid
    started.communicate(b"\n", timeout=60)


@pytest.mark.toolchain
def test_what_is_given_is_what_the_process_has(process):
    program, pid = process
    data = program.read_bytes()
    rows = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines()
    base = next(int(row.partition("-")[0], 16) for row in rows if row.endswith(str(program)))
    section = next(row for row in read_layout(data).sections if row.name == ".data.rel.ro")
    start, constants = section.address - read_layout(data).base, RelroConstants(data)
    memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    given = 0
    for address in range(start, start + section.size - 3, 4):
        content = constants.read(address, 4)
        if content is not None:
            given += 1
            assert content == os.pread(memory, 4, base + address), hex(address)
    os.close(memory)
    assert given  # the offsets of bases, the numbers of rows
    assert constants.read(start + section.size - 4, 8) is None
    assert constants.read(start - 4, 8) is None
    assert constants.read(1 << 40, 8) is None


def test_packed_places_are_an_address_then_bits():
    content = pack("<4Q", 0x1000, 0b1011, 1 | 1 << 63, 0x9000)
    places = [0x1000, 0x1008, 0x1018, 0x1000 + 8 + 63 * 8 + 62 * 8, 0x9000]
    assert list(walk_packed(content, 8)) == places
    assert list(walk_packed(pack("<2I", 0x1000, 0b101), 4)) == [0x1000, 0x1008]


def test_what_is_no_such_file_gives_nothing():
    assert RelroConstants(b"\x7fELF" + bytes(40)).read(0, 4) is None
