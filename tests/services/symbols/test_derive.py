import io
import os
import signal
import sys

import pytest

from crashtool.errors import InputUnusable
from crashtool.services.symbols import derive
from crashtool.services.symbols.cache import SymbolCache
from crashtool.services.symbols.derive import LINES, UNWIND, Deriver, _Sender, serve
from tests.synth.object_files import build_elf, full_elf


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "app"
    path.write_bytes(build_elf())
    return str(path)


def test_products_are_made_once(deriver, program):
    first = deriver.find(LINES, program, "x86_64").path
    process = deriver._process

    assert deriver.find(LINES, program, "x86_64").path == first
    assert deriver.find(UNWIND, program, "x86_64").path != first
    assert deriver._process is process


def test_what_lies_in_the_working_folder_is_not_run(deriver, program, tmp_path, monkeypatch):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "json.py").write_text("raise SystemExit('a stranger ran')")
    monkeypatch.chdir(theirs)
    assert deriver.find(LINES, str(program), "x86_64").content
    assert deriver._process.poll() is None


def test_what_cannot_be_read_says_why_and_the_process_goes_on(deriver, program, tmp_path):
    bad = tmp_path / "bad"
    bad.write_bytes(b"not a debug file")

    with pytest.raises(InputUnusable, match="cannot read"):
        deriver.find(LINES, str(bad), "x86_64")
    process = deriver._process
    deriver.find(LINES, program, "x86_64")

    assert deriver._process is process


@pytest.mark.skipif(sys.platform == "win32", reason="kills by signals")
def test_a_reader_that_is_killed_is_started_again(deriver, program):
    process = deriver._start()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    assert deriver.find(LINES, program, "x86_64").content


@pytest.mark.skipif(sys.platform == "win32", reason="stops by signals")
def test_a_reader_that_takes_too_long_is_ended(tmp_path, program):
    deriver = Deriver(SymbolCache(str(tmp_path / "cache")), seconds=0.1)
    os.kill(deriver._start().pid, signal.SIGSTOP)

    with pytest.raises(InputUnusable, match="no result after 0 s"):
        deriver.find(LINES, program, "x86_64")

    deriver.close()


def test_a_large_file_has_more_time(tmp_path, program, monkeypatch):
    monkeypatch.setattr(derive, "PER_SECOND", 1)  # so that there are minutes for each kilobyte
    deriver = Deriver(SymbolCache(str(tmp_path / "cache")), seconds=0.0)

    assert deriver.find(LINES, program, "x86_64")

    deriver.close()


@pytest.mark.skipif(sys.platform == "win32", reason="stops by signals")
def test_nothing_is_kept_of_a_product_that_was_cut_short(tmp_path, program):
    cache = SymbolCache(str(tmp_path / "cache"))
    deriver = Deriver(cache, seconds=0.1)
    os.kill(deriver._start().pid, signal.SIGSTOP)

    with pytest.raises(InputUnusable):
        deriver.find(LINES, program, "x86_64")
    deriver.close()

    assert list(cache.walk()) == []


def test_the_reader_answers_each_request(tmp_path):
    (tmp_path / "app").write_bytes(full_elf())
    requests = b"".join(
        b'["%s", "%s", "x86_64"]\n' % (product.encode(), name.encode())
        for product in (LINES, UNWIND)
        for name in (str(tmp_path / "app"), "/nonexistent")
    )
    answers = io.BytesIO()

    serve(io.BytesIO(requests), answers)

    assert answers.getvalue().count(b"cannot read") >= 2


def test_contents_are_framed():
    target = io.BytesIO()

    assert _Sender(target).write(b"abc") == 3
    assert target.getvalue() == b"C\x03\0\0\0abc"
