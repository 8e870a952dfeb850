"""Pages: lines before it is decided where they go."""

import io

from crashtool.render.page import Page, Span
from crashtool.render.terminal import ProgressBars, print_page


def test_columns_are_aligned_and_lines_have_no_trailing_blanks():
    page = Page().table([["a", "1", ""], ["long", "22", "x"]], right=" r")

    assert page.text() == "  a      1\n  long  22  x\n"


def test_blank_lines_do_not_pile_up():
    page = Page().blank().line("a").blank().blank().line("b").heading("C", "note")

    assert page.text() == "a\n\nb\n\nC  note\n"


def test_pages_join():
    assert Page().line("a").extend(Page().field("k", "v")).text() == "a\nk          v\n"


def test_a_terminal_gets_colour_and_no_markup():
    stream = io.StringIO()

    print_page(Page().line(Span("[bold]x[/bold]", "bad"), " plain"), stream)

    assert "\x1b[1;31m[bold]x[/bold]\x1b[0m plain\n" in stream.getvalue()


def test_a_terminal_line_is_never_wrapped():
    stream = io.StringIO()

    print_page(Page().line("word " * 100), stream)

    assert stream.getvalue().count("\n") == 1


def test_a_progress_bar_ends_clean():
    stream = io.StringIO()

    with ProgressBars(stream).bar("[red]label", 10) as advance:
        advance(5)

    assert "\x1b" not in stream.getvalue().replace("\x1b[?25h", "").replace("\x1b[?25l", "")


def test_bars_of_several_threads_share_the_terminal():
    bars = ProgressBars(io.StringIO())

    with bars.bar("first", 10) as first, bars.bar("second", 10) as second:
        display = bars._display
        first(5)
        second(7)
        assert [task.completed for task in display.tasks] == [5, 7]
    assert display.tasks == []
    with bars.bar("third", 10):
        assert bars._display is not display
