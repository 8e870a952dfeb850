"""The handler's command line: order, spellings of attachments, and Windows quoting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashtool.formats.attributes import Attachment, Attribute
from crashtool.formats.crashpad.arguments import (
    HANDLER_KINDS,
    attachment_argument,
    quote_windows,
    sent_name,
    start_handler_arguments,
    windows_command_line,
)
from tests.synth.windows_arguments import split_command_line


def test_arguments_come_in_the_order_of_start_handler():
    arguments = start_handler_arguments(
        [Attribute("ver", "1"), Attribute("Prod", "x"), Attribute("prod", "a=b")],
        [Attachment(None, "/b.log"), Attachment(None, "/a.log")],
        database="/db",
        metrics_dir="/m",
        url="https://h/",
        arguments=["--no-rate-limit"],
    )

    assert arguments == [
        "--no-rate-limit",
        "--database=/db",
        "--metrics-dir=/m",
        "--url=https://h/",
        "--annotation=Prod=x",
        "--annotation=prod=a=b",
        "--annotation=ver=1",
        "--attachment=/b.log",
        "--attachment=/a.log",
    ]


def test_empty_parameters_are_left_out():
    assert start_handler_arguments() == []


def test_keys_are_ordered_by_bytes_and_the_last_of_equal_ones_wins():
    rows = [Attribute(key, str(place)) for place, key in enumerate(["é", "z", "\U0001f600", "z"])]

    assert start_handler_arguments(rows) == [
        "--annotation=z=3",
        "--annotation=é=0",
        "--annotation=\U0001f600=2",
    ]


def test_a_handler_of_2018_gets_named_attachments_before_all_else():
    arguments = start_handler_arguments(
        [Attribute("k", "v")],
        [Attachment("log", "C:\\x.log"), Attachment(None, "C:/y.log")],
        kind="backtrace-2018",
    )

    assert arguments == [
        "--attachment=attachment_log=C:\\x.log",
        "--attachment=attachment_y.log=C:/y.log",
        "--annotation=k=v",
    ]


@pytest.mark.parametrize("kind", [name for name in HANDLER_KINDS if name != "backtrace-2018"])
def test_other_handlers_get_the_path_alone(kind):
    attachment = Attachment("log", "/var/x.log")

    assert attachment_argument(attachment, kind) == "--attachment=/var/x.log"
    assert sent_name(attachment, kind) == "x.log"


@pytest.mark.parametrize(
    ("argument", "quoted"),
    [
        ("plain", "plain"),
        ("", '""'),
        ("C:\\dir\\", "C:\\dir\\"),
        ("two words", '"two words"'),
        ("two words\\", '"two words\\\\"'),
        ('say "hi"', '"say \\"hi\\""'),
        ('back\\"slash', '"back\\\\\\"slash"'),
        ("a\\\\b c", '"a\\\\b c"'),
        ("tab\there", '"tab\there"'),
        ("line\nfeed", '"line\nfeed"'),
        ("vertical\vtab", '"vertical\vtab"'),
    ],
)
def test_an_argument_is_quoted_as_crashpad_quotes_it(argument, quoted):
    assert quote_windows(argument) == quoted


@given(
    st.lists(st.text(st.characters(exclude_characters="\0")) | st.text('\\" \t\nab'), max_size=5)
)
def test_windows_splits_the_command_line_into_the_same_arguments(arguments):
    line = windows_command_line(["handler.exe", *arguments])

    assert split_command_line(line) == ["handler.exe", *arguments]
