"""Text from dumps and servers, made harmless."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashtool.render.page import Page, Span
from crashtool.render.safe_text import safe, safe_block


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


def test_a_block_keeps_its_lines():
    assert safe_block("a\tb\nc\x1bd") == "a    b\nc\\x1bd"


def test_a_page_makes_every_text_safe():
    page = Page().line("a\nb", Span("\x1b[2J", "bad"))
    page.field("name", "x\x07y").heading("h\x1b", "n\x1b").table([["c\x1b", Span("d\x9b")]])

    assert "\x1b" not in page.text()
    assert "\x07" not in page.text()
    assert "\x9b" not in page.text()
