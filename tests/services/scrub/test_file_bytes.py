"""A file that is searched a block at a time answers as its bytes would."""

import io
import re
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crashtool.services.scrub import file_bytes
from crashtool.services.scrub.file_bytes import FileBytes
from crashtool.services.scrub.scrubber import scrub_dump
from crashtool.services.scrub.secret_spans import parse_wish
from tests.growth import count_steps
from tests.synth.minidump import MinidumpBuilder

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
CONTENT = st.lists(st.sampled_from([b"\0" * 40, b"a=\0", b"b", b"=", b"\0"]), max_size=30).map(
    b"".join
)
PLACES = st.integers(0, 400)
PATTERN = re.compile(rb"[ab=]{2,5}")


@pytest.fixture(autouse=True, scope="module")
def small_blocks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_bytes, "BLOCK", 32)
        patch.setattr(file_bytes, "OVERLAP", 8)
        yield


@UNHURRIED
@given(CONTENT, st.lists(st.tuples(st.sampled_from([b"=", b"a=", b"\0", b"\0\0"]), PLACES, PLACES)))
def test_bytes_are_found_where_they_are(content, wishes):
    data = FileBytes(io.BytesIO(content))
    assert len(data) == len(content)
    for wanted, start, end in wishes:
        assert data.find(wanted, start, end) == content.find(wanted, start, end)
        assert data[start:end:2] == content[start:end:2]


@UNHURRIED
@given(CONTENT, st.lists(st.tuples(PLACES, PLACES)))
def test_a_pattern_matches_where_it_would_in_all_of_the_bytes(content, wishes):
    data = FileBytes(io.BytesIO(content))
    for start, end in wishes:
        found = PATTERN.search(content, start, end)
        assert data.search(PATTERN, start, end) == (found.span() if found else None)
        found = PATTERN.match(content, start, end)
        assert data.match(PATTERN, start, end) == (found.span() if found else None)


def test_what_is_written_is_read_again_and_the_size_stays():
    file = io.BytesIO(b"abcdef" * 20)
    data = FileBytes(file)
    assert data.find(b"f", 0, 10) == 5
    data.write(5, b"--")
    data.write(118, b"----")
    assert file.getvalue() == b"abcde--bcdef" + b"abcdef" * 17 + b"abcd--"
    assert data.find(b"f", 0, 20) == 11


@pytest.mark.parametrize("wish", ["environment", "secrets", "strings=secret[0-9]{3}"])
def test_scrubbing_a_large_dump_takes_little_memory(tmp_path, monkeypatch, wish):
    monkeypatch.setattr(file_bytes, "BLOCK", 1 << 20)
    monkeypatch.setattr(file_bytes, "OVERLAP", 1 << 17)
    source = tmp_path / "large.dmp"
    memory = b"A=secret123\0B=2\0C=3\0\0".ljust(4096, b"\xfe") + bytes(24 << 20)
    source.write_bytes(MinidumpBuilder().add_memory(0x10000, memory).pack())
    tracemalloc.start()
    try:
        changes = scrub_dump(source, tmp_path / "out.dmp", [parse_wish(wish)], "large.dmp")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert bool(changes) == (wish != "secrets")
    assert peak < 8 << 20


def test_zeros_take_a_few_steps_a_block(monkeypatch):
    data = FileBytes(io.BytesIO(bytes(1 << 16)))
    steps = count_steps(lambda: data.find(b"=", 0, len(data)))
    assert steps < 200 * (1 << 16) // file_bytes.BLOCK
