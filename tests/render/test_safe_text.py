"""Text from dumps and servers, made harmless."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashtool.render.page import Page, Span
from crashtool.render.safe_text import log_line, safe


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("one\ntwo\r\tthree", r"one\ntwo\r\tthree"),
        ("nul\x00del\x7fcsi\x9b", r"nul\x00del\x7fcsi\x9b"),
        ("evil\u202etxt.exe", r"evil\u202etxt.exe"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("byte \udcff", r"byte \udcff"),
        ("größe 大小 \N{CRAB}", "größe 大小 \N{CRAB}"),
    ],
)
def test_what_a_terminal_would_act_on_is_shown_instead(hostile, shown):
    assert safe(hostile) == shown


@given(st.text(st.characters(codec=None)))
def test_no_control_or_format_character_survives(text):
    categories = {unicodedata.category(character) for character in safe(text)}

    assert not categories & {"Cc", "Cs", "Zl", "Zp"}


def test_a_limit_cuts_before_it_escapes():
    assert safe("\x1b" * 1000, 3) == r"\x1b\x1b…"
    assert safe("abc", 3) == "abc"


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("::error::pwned", r"\x3a:error::pwned"),
        ("  ::add-mask::a", r"  \x3a:add-mask::a"),
        ("\n::error::pwned", r"\n::error::pwned"),
        ("a ##[add-mask]b", r"a #\x23[add-mask]b"),
        ("a ##vso[task.setvariable variable=x]y", r"a #\x23vso[task.setvariable variable=x]y"),
        ("##teamcity[buildStop]", r"\x23#teamcity[buildStop]"),
        ("C::f(int) # 1", "C::f(int) # 1"),
    ],
)
def test_no_line_of_a_log_is_a_command_to_a_ci_system(hostile, shown):
    assert log_line(hostile) == shown
    assert Page().line(hostile).text() == shown + "\n"
    assert "".join(text for text, _ in next(Page().line(hostile).walk_lines())) == shown


def test_a_page_makes_every_text_safe():
    page = Page().line("a\nb", Span("\x1b[2J", "bad"))
    page.field("name", "x\x07y").heading("h\x1b", "n\x1b").table([["c\x1b", Span("d\x9b")]])

    assert "\x1b" not in page.text()
    assert "\x07" not in page.text()
    assert "\x9b" not in page.text()
