"""`make skipped`: what a run skipped, and nothing else, once it can be run."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUITE = """
from pathlib import Path
import pytest
is_there = Path(__file__).with_name("compiler").exists()
needs_it = pytest.mark.skipif(not is_there, reason="needs a compiler")
@needs_it
def test_of_a_compiler(): assert is_there
@pytest.mark.parametrize("number", [1, 10])
def test_of_few(number):
    if number == 1 and not is_there: pytest.skip("needs a compiler")
def test_of_nothing(): assert True
"""
MODULE = """
from pathlib import Path
import pytest
if not Path(__file__).with_name("compiler").exists():
    pytest.skip("needs a compiler", allow_module_level=True)
def test_of_a_module(): assert True
"""


def run(folder, *arguments):
    line = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:randomly",
            "--rootdir", folder, "-c", folder / "pytest.ini", *arguments, folder]  # fmt: skip
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip().rpartition("\n")[2], done.stderr


def test_what_was_skipped_is_run_and_no_other(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_few.py").write_text(SUITE)
    (tmp_path / "test_module.py").write_text(MODULE)

    code, _, words = run(tmp_path, "-n", "1", "--skipped-before")
    assert (code, words.strip()) == (4, "ERROR: no run has noted tests that it skipped")
    code, said, _ = run(tmp_path, "-n", "1")
    assert (code, said.partition(" in ")[0]) == (0, "2 passed, 3 skipped")
    (tmp_path / "compiler").touch()
    for more in (["-n", "1"], []):  # and once more: such a run notes nothing
        code, said, _ = run(tmp_path, "--skipped-before", *more)
        assert code == 0
        assert said.startswith("3 passed")
