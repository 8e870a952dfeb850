import os
import sys

import pytest

from crashtool.errors import InputUnusable
from crashtool.model.crash import Frame, InlineFrame, SourceLine, Thread
from crashtool.services.analyze import source_lines
from crashtool.services.analyze.source_lines import attach_source
from crashtool.services.files import source_tree
from crashtool.services.files.source_tree import split_path
from tests.render.reports import report


def frame_at(file, line=3, **fields):
    return Frame(1, "context", file=file, line=line, **fields)


def write(path, text="one\ntwo\nthree\nfour\nfive\nsix\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def source_of(folder, *frames, **options):
    found = attach_source(report(threads=(Thread(7, None, frames),)), [str(folder)], **options)
    return [frame.source for frame in found.threads[0].frames]


def numbers(folder, *frames, **options):
    return [[line.number for line in lines] for lines in source_of(folder, *frames, **options)]


def test_the_lines_around_a_place_are_attached(tmp_path):
    write(tmp_path / "src" / "mesh.cpp")
    (lines,) = source_of(tmp_path, frame_at("/build/game/src/mesh.cpp"))
    assert lines[1] == SourceLine(2, "two")
    assert [line.number for line in lines] == [1, 2, 3, 4, 5]


def test_lines_at_the_ends_of_a_file_are_fewer(tmp_path):
    write(tmp_path / "src" / "mesh.cpp")
    frames = (frame_at("src/mesh.cpp", 1), frame_at("src/mesh.cpp", 6), frame_at("src/mesh.cpp", 9))
    assert numbers(tmp_path, *frames, context=1) == [[1, 2], [5, 6, 7], []]


def test_the_innermost_merged_call_is_the_place(tmp_path):
    write(tmp_path / "src" / "mesh.h")
    inlines = (InlineFrame("bind", "C:\\game\\src\\mesh.h", 5), InlineFrame("x", "y.h", 1))
    assert numbers(tmp_path, frame_at("other.cpp", inlines=inlines)) == [[3, 4, 5, 6, 7]]
    unknown = (InlineFrame("bind"),)
    assert numbers(tmp_path, frame_at("src/mesh.h", inlines=unknown)) == [[]]


def test_a_file_deeper_in_the_folder_is_found_by_the_end_of_its_path(tmp_path):
    write(tmp_path / "a" / "engine" / "Mesh.cpp", "right\n" * 5)
    write(tmp_path / "b" / "tools" / "mesh.cpp", "wrong\n" * 5)
    (lines,) = source_of(tmp_path, frame_at("D:\\out\\ENGINE\\mesh.cpp"))
    assert lines[0].text == "right"


def test_files_that_cannot_be_told_apart_are_not_shown(tmp_path):
    write(tmp_path / "a" / "x" / "mesh.cpp")
    write(tmp_path / "b" / "x" / "mesh.cpp")
    assert numbers(tmp_path, frame_at("/out/x/mesh.cpp")) == [[]]
    assert numbers(tmp_path, frame_at("/out/a/x/mesh.cpp")) != [[]]


def test_a_name_alone_does_not_make_a_file_the_one_that_is_meant(tmp_path):
    write(tmp_path / "tools" / "invoke.h")
    write(tmp_path / "main.cpp")
    frames = map(frame_at, ("/usr/include/c++/12/bits/invoke.h", "/build/main.cpp", "invoke.h"))
    assert [bool(lines) for lines in numbers(tmp_path, *frames)] == [False, True, True]


def test_nothing_is_shown_of_what_is_not_there(tmp_path):
    frames = (frame_at("gone.cpp"), frame_at(None), frame_at("gone.cpp", None), frame_at("/"))
    assert numbers(tmp_path, *frames) == [[]] * 4


def test_files_outside_the_folder_are_never_read(tmp_path):
    outside = write(tmp_path / "outside" / "secret.txt")
    folder = tmp_path / "tree"
    folder.mkdir()
    attacks = (f"/tree/../outside/{outside.name}", str(outside), "../outside/secret.txt")
    assert numbers(folder, *map(frame_at, attacks)) == [[]] * 3
    assert split_path("../../etc/./passwd") == ["etc", "passwd"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_links_that_lead_out_of_the_folder_are_not_followed(tmp_path):
    outside = write(tmp_path / "outside" / "secret.cpp")
    folder = tmp_path / "tree"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "a.cpp").symlink_to(outside)
    assert numbers(folder, frame_at("src/a.cpp")) == [[]]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_is_no_plain_file_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "a.cpp")
    assert numbers(tmp_path, frame_at("a.cpp")) == [[]]


def test_files_that_are_no_text_or_too_large_are_not_shown(tmp_path, monkeypatch):
    write(tmp_path / "s" / "binary.cpp", "a\0b\n\n\n\n")
    assert numbers(tmp_path, frame_at("s/binary.cpp", 1)) == [[]]
    monkeypatch.setattr(source_lines, "MAX_FILE", 4)
    write(tmp_path / "s" / "big.cpp")
    assert numbers(tmp_path, frame_at("s/big.cpp")) == [[]]


def test_a_file_that_cannot_be_read_is_not_shown(tmp_path, monkeypatch):
    write(tmp_path / "s" / "a.cpp")
    monkeypatch.setattr(
        source_lines, "open", lambda *_: (_ for _ in ()).throw(OSError), raising=False
    )
    assert numbers(tmp_path, frame_at("s/a.cpp")) == [[]]


def test_lines_are_counted_as_compilers_do_and_cut(tmp_path):
    write(tmp_path / "s" / "a.cpp", "a\x0cb\u2028c\r\n" + "x" * 999 + "\n")
    (lines,) = source_of(tmp_path, frame_at("s/a.cpp", 2))
    assert lines[0].text == "a\x0cb\u2028c"
    assert len(lines[1].text) == 240


def test_a_tree_is_not_walked_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(source_tree, "MAX_FILES", 1)
    for name in ("a", "b", "c"):
        write(tmp_path / "x" / name / f"{name}.cpp")
    found = numbers(tmp_path, *(frame_at(f"/y/{name}/{name}.cpp") for name in "abc"))
    assert sum(map(bool, found)) == 1


def test_a_report_holds_no_more_lines_than_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(source_lines, "MAX_LINES", 6)
    write(tmp_path / "s" / "a.cpp")
    crashed, other = ((frame_at("s/a.cpp"),) * n for n in (1, 3))
    both = report(threads=(Thread(8, None, other), Thread(7, None, crashed)), crashing_thread=1)
    found = attach_source(both, [str(tmp_path)])
    assert [bool(frame.source) for frame in found.threads[1].frames] == [True]
    assert [bool(frame.source) for frame in found.threads[0].frames] == [True, False, False]


def test_the_crashs_own_frame_has_lines_too(tmp_path):
    write(tmp_path / "s" / "a.cpp")
    crash = report().crash._replace(frame=frame_at("s/a.cpp"))
    found = attach_source(report(threads=(), crashing_thread=None, crash=crash), [str(tmp_path)])
    assert len(found.crash.frame.source) == 5
    assert attach_source(report(crash=None), [str(tmp_path)]).crash is None


def test_folders_are_tried_in_order_and_must_be_folders(tmp_path):
    write(tmp_path / "first" / "s" / "a.cpp", "first\n" * 4)
    write(tmp_path / "second" / "s" / "a.cpp", "second\n" * 4)
    both = [str(tmp_path / "empty"), str(tmp_path / "second"), str(tmp_path / "first")]
    (tmp_path / "empty").mkdir()
    threads = (Thread(7, None, (frame_at("s/a.cpp"),)),)
    found = attach_source(report(threads=threads), both)
    assert found.threads[0].frames[0].source[0].text == "second"
    with pytest.raises(InputUnusable, match="not a folder"):
        attach_source(report(), [str(tmp_path / "gone")])


def test_version_control_is_passed_over(tmp_path):
    write(tmp_path / "x" / ".git" / "a.cpp")
    assert numbers(tmp_path, frame_at("a.cpp")) == [[]]
