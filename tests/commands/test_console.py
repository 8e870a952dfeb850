"""What goes to stdout, what to stderr, and how."""

import ast
import io
import json
from pathlib import Path

import pytest

import crashtool
from crashtool.commands import console as console_module
from crashtool.commands.console import Console, wants_color
from crashtool.errors import CrashtoolError, InputUnusable, MissingExtra, how_to_install
from crashtool.render.page import Page, Span


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("choice", "environment", "stream", "expected"),
    [
        ("auto", {}, Terminal(), True),
        ("auto", {}, io.StringIO(), False),
        ("auto", {"NO_COLOR": "1"}, Terminal(), False),
        ("auto", {"NO_COLOR": ""}, Terminal(), True),
        ("auto", {"TERM": "dumb"}, Terminal(), False),
        ("always", {"NO_COLOR": "1"}, io.StringIO(), True),
        ("never", {}, Terminal(), False),
    ],
)
def test_colour_is_for_terminals_unless_told(choice, environment, stream, expected):
    assert wants_color(choice, environment, stream) is expected


def test_a_pipe_gets_no_colour(capsys):
    Console().answer(Page().line(Span("bad", "bad")))

    assert capsys.readouterr().out == "bad\n"


def test_colour_when_asked(capsys):
    Console(color=True).answer(Page().line(Span("bad", "bad")))

    assert capsys.readouterr().out == "\x1b[1;31mbad\x1b[0m\n"


def test_text_is_answered_with_one_line_feed(capsys):
    console = Console()
    console.answer("a")
    console.answer("b\n")

    assert capsys.readouterr().out == "a\nb\n"


def test_a_document_is_ascii(capsys):
    Console(json=True).document({"text": "\x1b\u202e\x9bé"})

    printed = capsys.readouterr().out
    assert printed.isascii()
    assert "\x1b" not in printed
    assert json.loads(printed) == {"schema_version": 1, "text": "\x1b\u202e\x9bé"}


def test_quiet_does_not_silence_that_a_connection_is_not_safe(capsys):
    Console(verbosity=-1).warn_of_insecurity()

    assert "not verified (--insecure)" in capsys.readouterr().err


def test_quiet_silences_all_but_errors(capsys):
    console = Console(verbosity=-1)
    console.note("note")
    console.detail("detail")
    console.warn("careful")
    console.error(CrashtoolError("broken"))

    assert capsys.readouterr() == ("", "crashtool: error: broken\n")


def test_a_name_with_line_breaks_is_one_line_of_each_message(capsys):
    name = "a\n::error::b\rc\u2028d\u202ee\x85f"
    console = Console(verbosity=1)
    for say in (console.note, console.warn, console.detail):
        say(name)
    console.error(CrashtoolError(name, hint=name))

    said = capsys.readouterr().err
    assert len(said.splitlines()) == 5
    assert all(r"\n::error::b\rc\u2028d\u202ee\x85f" in line for line in said.split("\n")[:-1])


def test_a_value_keeps_its_terminal_escapes(capsys):
    Console().answer("a\x1b[31mb")

    assert capsys.readouterr().out == "a\x1b[31mb\n"


def test_no_text_in_a_document_is_a_command_to_a_ci_system(capsys):
    Console(json=True).document({"text": "##[add-mask]a ##vso[x]"})

    printed = capsys.readouterr().out
    assert "##" not in printed
    assert json.loads(printed)["text"] == "##[add-mask]a ##vso[x]"


def test_details_are_for_verbose(capsys):
    Console().detail("hidden")
    Console(verbosity=1).detail("shown")

    assert capsys.readouterr().err == "shown\n"


def test_an_error_says_what_and_what_next(capsys):
    Console(color=True).error(InputUnusable("bad file", hint="try another"))

    assert "bad file" in capsys.readouterr().err


def test_an_error_in_json_is_a_document_too(capsys):
    Console(json=True).error(MissingExtra("serve", "serve"))

    out, err = capsys.readouterr()
    assert json.loads(out)["error"] == {
        "code": "missing_extra",
        "exit_status": 2,
        "message": "serve needs the extra 'serve', which is not installed",
        "hint": how_to_install("serve"),
    }
    assert err.endswith(f"  {how_to_install('serve')}\n")


def test_an_error_without_a_hint_is_one_line(capsys):
    Console().error(CrashtoolError("broken"))

    assert capsys.readouterr().err == "crashtool: error: broken\n"


def test_progress_without_a_terminal_is_a_line_now_and_then(capsys, monkeypatch):
    clock = iter([0.0, 1.0, 6.0, 7.0, 12.0])
    monkeypatch.setattr(console_module.time, "monotonic", lambda: next(clock))

    with Console().progress("sending", 200) as advance:
        for done in (10, 50, 60, 200):
            advance(done)

    assert capsys.readouterr().err == (
        "sending: 50 bytes (25 %), 8 bytes/s, 18 s left\nsending: 200 bytes (100 %), 16 bytes/s\n"
    )


def test_progress_is_silent_when_quiet(capsys):
    with Console(verbosity=-1).progress("sending", 0) as advance:
        advance(1)

    assert capsys.readouterr() == ("", "")


def test_progress_for_a_person_is_a_bar(capsys):
    with Console(live=True).progress("sending", 10) as advance:
        advance(10)

    assert capsys.readouterr().out == ""


SPEAKERS = {  # whoever names a stream, and what for
    "commands/console.py": "the console",
    "commands/standard_streams.py": "what stands below it",
    "commands/command.py": "asks whether they are terminals",
    "commands/symbols_dump.py": "a .sym file is bytes",
    "services/handler/run/exit_like.py": "empties them before the process dies",
    "cli.py": "its own help and version, before there is a console",
    "commands/root_command.py": "an interrupt, which has no name in it",
}


def test_nothing_but_the_console_speaks():
    root = Path(crashtool.__file__).parent
    found = set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = ast.unparse(node) if isinstance(node, ast.Attribute | ast.Name) else ""
            if name in ("sys.stdout", "sys.stderr", "click.echo", "click.secho", "print"):
                found.add(path.relative_to(root).as_posix())

    children = {name for name in found if is_a_child(root / name)}
    assert found - children == set(SPEAKERS)


def is_a_child(path):
    """Whether a module is run in a process of its own, whose streams are a pipe to crashtool."""
    return '__name__ == "__main__"' in path.read_text(encoding="utf-8")
