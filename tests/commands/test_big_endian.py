"""Programs of big-endian machines: one sentence says that they are not read."""

import pytest

from tests.synth.object_files import build_elf

S390 = 22  # EM_S390
FAULT = "error: big-endian debug information (s390x) is not read here\n"


@pytest.fixture
def program(tmp_path):
    sections = [(".debug_info", 1, 0, bytes(64)), (".debug_line", 1, 0, bytes(64))]
    path = tmp_path / "app"
    path.write_bytes(build_elf(sections, big_endian=True, machine=S390))
    return path


def test_no_sym_file_is_written_of_one(crashtool, program):
    result = crashtool("symbols", "dump", program)

    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr == "crashtool: " + FAULT


def test_a_check_says_that_its_headers_can_be_taken(crashtool, program):
    result = crashtool("symbols", "check", program)

    assert result.exit_code == 3
    assert result.stderr == "crashtool: " + FAULT + "  --quick takes what its headers say\n"
    assert "s390x" in result.stdout
    assert crashtool("symbols", "check", "--quick", program).exit_code == 0
