import mmap

import pytest

from crashtool.formats.mapped_pages import let_go

PAGE = mmap.PAGESIZE


class Mapped:
    """Stands for a mapped file; keeps what it was advised."""

    def __init__(self, fault=None):
        self.advised = []
        self.fault = fault

    def madvise(self, *arguments):
        self.advised.append(arguments)
        if self.fault:
            raise self.fault


@pytest.fixture
def advice(monkeypatch):
    monkeypatch.setattr(mmap, "MADV_DONTNEED", 4, raising=False)
    return 4


def test_whole_pages_go_from_the_one_that_the_first_byte_is_in(advice):
    mapped = Mapped()
    let_go(mapped, PAGE + 5, 3 * PAGE + 7)
    let_go(mapped, 5, PAGE - 1)

    assert mapped.advised == [(advice, PAGE, 2 * PAGE + 7)]


def test_a_system_that_does_not_want_to_is_left_alone(advice):
    mapped = Mapped(OSError(22, "no"))
    let_go(mapped, 0, PAGE)

    assert mapped.advised == [(advice, 0, PAGE)]


def test_without_such_advice_nothing_is_done(monkeypatch):
    monkeypatch.delattr(mmap, "MADV_DONTNEED", raising=False)
    mapped = Mapped()
    let_go(mapped, 0, PAGE)
    let_go(bytes(2 * PAGE), 0, 2 * PAGE)

    assert mapped.advised == []


def test_what_was_let_go_is_there_when_it_is_read_again(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"content" * PAGE)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        before = data[:]
        let_go(data, 0, len(data))
        assert data[:] == before
