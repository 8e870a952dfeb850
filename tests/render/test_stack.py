import pytest

from crashtool.model.crash import Frame, InlineFrame, Thread, UnloadedHit
from crashtool.render.folding import find_repeats
from crashtool.render.page import Page
from crashtool.render.stack import TRUSTS, add_frames, add_legend, sign_of_trust
from tests.render.reports import GAME, SOURCE, full_report


def show(*frames, verbose=False, note="", width=None):
    page = Page()
    add_frames(page, Thread(7, None, frames, note=note), "x86_64", verbose=verbose)
    return page.text(width).splitlines()


def legend(*frames):
    page = Page()
    add_legend(page, [Thread(7, None, frames)])
    return page.text()


def call(name, number=0, trust="cfi", **fields):
    return Frame(0x400000 + number, trust, GAME, name, 0, f"{name}.c", 7, **fields)


def test_a_frame_has_its_function_place_module_and_trust():
    (line,) = show(call("flush", 0x10, "context"))
    assert line.split("  ") == [" *", "0", "flush", "flush.c:7", "game.exe + 0x10"]


def test_merged_calls_come_before_the_frame_they_are_part_of():
    frame = call("flush", inlines=(InlineFrame("bind", "/src/mesh.h", 88), InlineFrame("here")))
    first, second, third = (line.split() for line in show(frame))
    assert first == ["i", "bind", "mesh.h:88"]
    assert second == ["i", "here"]
    assert third[:4] == ["=", "0", "flush", "flush.c:7"]
    assert legend(frame) == "  found by  = unwind information  i inlined\n"


def test_guessed_frames_are_marked_and_dim():
    page = Page()
    add_frames(page, Thread(7, None, (call("f"), call("g", trust="scan"))), "x86_64")
    sure, guess = page.lines
    assert next(span for span in sure if span.text.strip()) == ("=", "dim")
    assert next(span for span in guess if span.text.strip()) == ("~", "warn")
    assert {style for text, style in guess if "g" in text} == {"dim"}


def test_every_kind_of_trust_has_a_sign_of_its_own_and_a_word_in_the_legend():
    kinds = ("context", "cfi", "cfi_scan", "frame_pointer", "scan", "prewalked", "none")
    frames = [call("f", n, trust) for n, trust in enumerate(kinds)]
    frames.append(call("f", trust="scan", may_skip=True))
    assert [line.split()[0] for line in show(*frames)] == list("*=+-~#!?")
    assert len(TRUSTS) == 6
    assert legend(*frames) == (
        "  found by  * registers  = unwind information  + unwind information after scanning  "
        "- frame pointer  ~ stack scanning  # the dump  ? a guess that may skip callers  ! none\n"
    )


def test_the_legend_names_the_signs_that_are_there_and_no_others():
    assert legend(call("f", trust="context"), call("g")) == (
        "  found by  * registers  = unwind information\n"
    )
    assert legend() == ""
    assert sign_of_trust(call("f", may_skip=True)) == "?"


def test_places_without_function_or_module():
    lines = show(
        Frame(0x400010, "context", GAME),
        Frame(0x900010, "cfi", unloaded=(UnloadedHit("gone.dll", 0x10),)),
        Frame(0x123450, "cfi"),
    )
    assert "0  game.exe + 0x10" in lines[0]
    assert lines[1].split("  ")[2] == "0x0000000000900010 in unloaded gone.dll + 0x10"
    assert "(in no module)" in lines[2]


def test_source_lines_follow_the_innermost_call_and_mark_the_place():
    frame = full_report().threads[0].frames[0]
    lines = show(frame)
    assert lines[0].split()[1] == "Mesh::bind"
    assert [line.split()[0] for line in lines[1:6]] == ["86", "87", ">", "89", "90"]
    assert "line 88;" in lines[3]
    plain = Frame(1, "context", GAME, "f", 0, "a.c", 90, source=SOURCE)
    assert "> 90" in show(plain)[5]


def test_a_note_follows_the_frames():
    assert show(call("f"), note="no more memory")[-1] == "  no more memory"
    assert show(note="no registers") == ["  no registers"]


def names(lines):
    return [line.split()[2] if line.split()[0] == "=" else line.strip() for line in lines]


def test_recursion_is_folded_and_numbers_go_on_behind_it():
    frames = [call("crash"), *[call("recurse", 1)] * 300, call("main", 2)]
    lines = show(*frames)
    assert names(lines) == ["crash", "recurse", "… 299 more of the same", "main"]
    assert lines[-1].split()[1] == "301"
    assert len(show(*frames, verbose=True)) == 302


def test_functions_that_call_one_another_are_folded_as_a_circle():
    frames = [call("crash"), *[call("a", 1), call("b", 2)] * 50, call("main", 3)]
    folded = names(show(*frames))
    assert folded == ["crash", "a", "b", "… the same 2 frames 49 more times", "main"]


def test_a_few_equal_frames_stay():
    assert len(show(*[call("f", 1)] * 5)) == 5
    assert len(show(*[call("f", 1)] * 6)) == 2


def test_frames_that_differ_in_their_merged_calls_are_not_the_same():
    frames = [call("f", 1, inlines=(InlineFrame(str(n)),)) for n in range(20)]
    assert find_repeats(frames) == []


@pytest.mark.parametrize("count", [0, 1, 2, 7, 64, 1024])
def test_what_is_folded_is_what_it_says(count):
    frames = [call("f", n % 3) for n in range(count)]
    for repeat in find_repeats(frames):
        assert 0 < repeat.start < repeat.stop <= count
        assert (repeat.stop - repeat.start) % repeat.period == 0
        for place in range(repeat.start, repeat.stop):
            assert frames[place] == frames[place - repeat.period]


def test_a_stack_without_end_keeps_its_first_and_last_frames():
    frames = [call(f"f{n}", n) for n in range(500)]
    lines = show(*frames)
    assert len(lines) == 65
    assert lines[58].strip() == "… 436 more frames (--verbose shows all)"
    assert names(lines)[:58] == [f"f{n}" for n in range(58)]
    assert names(lines)[59:] == [f"f{n}" for n in range(494, 500)]


def test_a_long_stack_with_recursion_in_it_is_cut_behind_it():
    frames = [call("r", 1)] * 40 + [call(f"f{n}", 9 + n) for n in range(100)]
    lines = show(*frames)
    assert lines[1].strip() == "… 39 more of the same"
    assert "more frames" in lines[59]
    assert names(lines)[-1] == "f99"
    shown = sum(line.split()[1].isdigit() and line.split()[0] == "=" for line in lines)
    hidden = [int(line.split()[1]) for line in lines if line.strip().startswith("…")]
    assert shown + sum(hidden) == len(frames)


def test_columns_that_nothing_fills_take_no_room():
    (line,) = show(Frame(0x400010, "context", GAME))
    assert line == " *  0  game.exe + 0x10"


LONG = "std::vector<Mesh, std::allocator<Mesh>>::_M_range_check(unsigned long) const"


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_each_frame_is_one_line_of_a_terminal_with_its_source(width):
    unlined = Frame(0x400033, "cfi", GAME, LONG, 3)
    frames = [call("main", 0x10), unlined._replace(file="/src/mesh.cpp", line=214), unlined]
    lines = show(*frames, width=width)
    assert len(lines) == 3
    assert max(map(len, lines)) <= width
    assert lines[0].startswith(" =  0  main  ")
    assert "main.c:7" in lines[0]
    assert lines[1].split()[2].startswith("std::vector")
    assert "game.exe + 0x33" in lines[2]
    assert ("game.exe + 0x10" in lines[0]) == (width >= 80)


def test_verbose_shortens_no_name_and_stays_straight():
    frames = (call("main", 1), Frame(0x400033, "cfi", GAME, LONG, 3, "mesh.cpp", 214))
    lines = show(*frames, verbose=True, width=60)
    assert "".join(lines).replace(" ", "").count(LONG.replace(" ", "")) == 1
    assert max(map(len, lines)) <= 60
    assert [line.split()[1] for line in lines if line.startswith(" =")] == ["0", "1"]


def test_source_lines_are_left_whole_on_a_narrow_terminal():
    long = SOURCE[0]._replace(text="x" * 90)
    lines = show(Frame(1, "context", GAME, "f", 0, "a.c", long.number, source=(long,)), width=60)
    assert lines[1].endswith("x" * 90)
