import re

import pytest

from crashtool.model.crash import Frame, InlineFrame, Thread
from crashtool.model.signature import sign
from crashtool.render.ci import render_github, render_summary
from tests.render.reports import ATTACK, GAME, full_report, hostile_report, report


def annotate(*frames, workspace="", **fields):
    thread = Thread(7, None, frames)
    (line,) = render_github(report(threads=(thread,), **fields), workspace)
    return line


def at(file, line=3, **fields):
    return Frame(1, "context", GAME, "f", 0, file, line, **fields)


def test_an_annotation_stands_on_the_innermost_line_that_is_known():
    (line,) = render_github(report())
    assert line.startswith("::error file=/src/mesh.h,line=88,title=SIGSEGV / SEGV_MAPERR at 0x45::")


def test_an_annotation_stands_on_the_innermost_line_inside_the_workspace():
    frames = (
        at("/usr/src/libc/abort.c"),
        at("/w/game/src/a.cpp", 7, inlines=(InlineFrame("std::move", "/usr/include/move.h", 1),)),
        at("/w/game/src/main.cpp", 9),
    )
    assert annotate(*frames, workspace="/w/game").startswith("::error file=src/a.cpp,line=7,")


@pytest.mark.parametrize(
    ("file", "workspace", "shown"),
    [
        ("D:\\a\\game\\src\\a.cpp", "d:\\A\\game", "src/a.cpp"),
        ("/w/game/build/../src/./a.cpp", "/w/game/", "src/a.cpp"),
        ("src/main.rs", "/w/game", "src/main.rs"),
        ("/w/gamer/a.cpp", "/w/game", None),
        ("/w/game/../../etc/passwd", "/w/game", None),
        ("../a.cpp", "/w/game", None),
        ("/other/a.cpp", "/w/game", None),
        ("C:\\other\\a.cpp", "/w/game", None),
    ],
)
def test_paths_are_relative_to_the_workspace(file, workspace, shown):
    line = annotate(at(file), workspace=workspace)
    if shown is None:
        assert line.startswith("::error title=")
    else:
        assert line.startswith(f"::error file={shown},line=3,")


def test_the_message_holds_the_top_of_the_stack():
    (line,) = render_github(full_report())
    rows = line.partition("::")[2].partition("::")[2].split("%0A")
    assert rows[0].startswith("crash.dmp: SIGSEGV / SEGV_MAPERR at 0x45 in game.exe!Mesh::bind")
    assert rows[1:4] == [
        "    Mesh::bind  mesh.h:88 (inlined)",
        "    here (inlined)",
        "  0 Renderer::flush  renderer.cpp:214",
    ]
    assert rows[5] == "  2 engine.dll + 0x10"
    assert "in unloaded gone.dll" in rows[6]


def test_an_annotation_escapes_what_the_runner_would_read():
    assert "file=a%2Cb%3Ac%25.cpp,line=3," in annotate(at("a,b:c%.cpp"))


def test_nothing_hostile_breaks_out_of_an_annotation():
    lines = list(render_github(hostile_report()))
    assert len(lines) == 1
    assert lines[0].startswith("::error file=")
    assert "\n" not in lines[0]
    assert "\x1b" not in lines[0]
    assert "::error::" not in lines[0].partition("::error file=")[2].partition("::")[0]


def test_a_snapshot_is_a_notice():
    (line,) = render_github(report(crash=None, crashing_thread=None, system=None))
    assert line.startswith("::notice title=no exception::")


def test_a_crash_on_a_thread_that_is_missing_has_its_records_place():
    crash = report().crash._replace(frame=at("src/a.cpp"))
    (line,) = render_github(report(crash=crash, crashing_thread=None), "/w")
    assert line.startswith("::error file=src/a.cpp,line=3,")


def unescape(markdown):
    return re.sub(r"&#(\d+);", lambda match: chr(int(match[1])), markdown)


def test_a_summary_has_signature_stack_and_verdicts():
    lines = unescape(render_summary(full_report())).splitlines()
    assert lines[0] == "### SIGSEGV / SEGV_MAPERR at 0x45"
    assert f"| Signature | <code>{sign(full_report()).text}</code> |" in lines
    assert "| Report id | <code>00000000-0000-0000-0000-000000000001</code> |" in lines
    assert "| Hint | <code>probably a stack overflow</code> |" in lines
    assert "|  | <code>Mesh::bind</code> | <code>mesh.h:88</code> | inlined |" in lines
    assert (
        "| 0 | <code>Renderer::flush</code> | <code>renderer.cpp:214</code> "
        "| <code>game.exe + 0x1f2a0</code> |" in lines
    )
    assert any("(a guess)" in line for line in lines)
    assert "Symbols: 1 of 2 modules on the stack can be read in full." in lines
    assert any(line.startswith("| mismatch | <code>engine.dll</code>") for line in lines)


def test_a_summary_folds_recursion():
    frames = (at("a.c"), *[Frame(2, "cfi", GAME, "g")] * 50)
    summary = unescape(render_summary(report(threads=(Thread(7, None, frames),))))
    assert "… 49 more of the same" in summary
    assert len(summary.splitlines()) < 20


def test_a_summary_of_little_is_short():
    summary = render_summary(report(crash=None, crashing_thread=None))
    assert summary.startswith("### no exception\n")
    assert "function" not in summary
    assert render_summary(report(threads=(Thread(7, None, ()),))).count("|---|") == 1


def test_nothing_hostile_becomes_markup_in_a_summary():
    summary = render_summary(hostile_report())
    markup = re.sub(r"</?code>", "", summary)
    assert not set(markup) & set("<>`*_[]\\~\x1b\u202e")
    tables = [line for line in summary.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in tables} == {3, 5, 6}
    assert ATTACK[:20] not in summary
