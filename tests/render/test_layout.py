"""Pages on a terminal: nothing is wider than it, columns stay straight, a pipe gets it whole."""

import io
import re

import pytest

from crashtool.render.layout import width_of
from crashtool.render.page import Page, Span, new_table
from crashtool.render.report import render_report
from crashtool.render.terminal import print_page
from tests.render.reports import full_report

ROWS = [
    ("ok", "game", "game", "functions, lines, inlines", ""),
    ("no lines", "libc.so.6", "libc.so.6", "functions, unwind", "function names, but no lines"),
]


def lines_of(page, width):
    return page.text(width).splitlines()


def test_a_line_is_broken_between_words_and_set_in():
    page = Page().line("crash.dmp  Linux minidump from Crashpad, 14 KB, 2026-11-29 14:48:18 UTC")

    assert lines_of(page, 60) == [
        "crash.dmp  Linux minidump from Crashpad, 14 KB, 2026-11-29",
        "  14:48:18 UTC",
    ]
    assert len(lines_of(page, None)) == 1


def test_the_value_of_a_field_stays_in_its_column():
    page = Page().field("CODE", "mov dword [rax], 1   writes 0x0: rax is 0x0, and more words")

    first, second = lines_of(page, 50)
    assert first.startswith("CODE       mov")
    assert second.startswith(" " * 11)
    assert second[11] != " "


def test_what_is_to_be_copied_is_never_broken():
    page = Page().field(
        "next", "crashtool inspect '/a folder/of a long path/crash.dmp'", whole=True
    )

    assert len(lines_of(page, 40)) == 1


def test_an_option_is_not_parted_from_its_value():
    page = Page().line("  → ", Span("--symbol-server debuginfod:https://a.example asks it", "warn"))

    first, second, third = lines_of(page, 45)
    assert (first, third) == ("  →", "    asks it")
    assert second == "    --symbol-server debuginfod:https://a.example"


def test_the_last_cells_of_a_row_go_below_the_second_column():
    page = Page().table(ROWS)

    assert lines_of(page, 56) == [
        "  ok        game       game",
        "            functions, lines, inlines",
        "  no lines  libc.so.6  libc.so.6",
        "            functions, unwind",
        "            function names, but no lines",
    ]
    assert len(lines_of(page, None)) == len(lines_of(page, 120)) == 2


def test_a_first_column_that_is_too_wide_leaves_words_whole():
    page = Page().table([("/a/long/path/" * 5, "accepted"), ("b", "c")])

    assert lines_of(page, 40) == ["  " + "/a/long/path/" * 5, "    accepted", "  b  c"]


def test_a_table_that_fits_in_its_narrow_form_takes_that():
    wide = new_table([("a" * 30, "b" * 30)], narrow=new_table([("a" * 30,)]))

    assert lines_of(Page().add(wide), 50) == ["  " + "a" * 30]
    assert len(lines_of(Page().add(wide), 70)[0]) == 64


def test_signs_of_east_asia_take_two_columns():
    assert width_of([Span("日本"), Span("a")]) == 5
    assert width_of([Span("e\u0301")]) == 1
    page = Page().table([("日本", "x"), ("abcd", "y")])
    assert lines_of(page, None) == ["  日本  x", "  abcd  y"]


def test_a_continuation_is_no_command_to_a_ci_system():
    page = Page().line("word " * 11, "::error::x")

    assert lines_of(page, 60)[-1] == "  \\x3a:error::x"


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("verbose", [False, True])
def test_a_report_fits_with_all_its_parts(width, verbose):
    report = full_report()._replace(memory=())  # whose lines are left whole
    page = render_report(
        report, threads=True, registers=True, modules=True, streams=True, verbose=verbose
    )
    wide = [line for line in lines_of(page, width) if len(line) > width]

    assert wide == []
    kept = re.findall(r"[\w./+]+", page.text(width))
    lost = set(re.findall(r"[\w./+]+", page.text())) - set(kept)
    offsets = {"0x1f2a0", "0x1f300"}  # of frames whose source is known
    assert lost <= (offsets | {"0x0000000000900010"} if width < 120 else set())


def test_brief_is_one_line_on_any_terminal():
    assert len(lines_of(render_report(full_report(), brief=True), 60)) == 1


def test_colours_follow_the_words():
    stream = io.StringIO()
    print_page(Page().line(Span("good " * 10, "good"), Span("bad", "bad")), stream, 40)

    assert stream.getvalue().count("\n") == 2
    assert "\x1b[1;31mbad\x1b[0m" in stream.getvalue()
