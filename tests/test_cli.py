"""The root command: the table, and errors to exit statuses."""

import os
import signal
import subprocess
import sys

import click
import pytest

from crashtool import __version__, cli
from crashtool.cli import main
from crashtool.commands import root_command
from crashtool.commands.command_table import COMMANDS, ROOT_OPTIONS, SUMMARY
from crashtool.commands.root_command import root
from crashtool.errors import Refused
from crashtool.render.root_help import render_root_help


def test_every_command_of_the_table_has_its_module_and_summary(crashtool):
    shown = crashtool("--help").stdout

    for name in COMMANDS:
        assert f"  {name} " in shown
        assert crashtool(name, "--help").exit_code == 0


def test_the_summary_in_the_table_is_the_first_line_of_the_help():
    context = click.Context(root, info_name="crashtool")
    for name, summary in COMMANDS.items():
        command = root.get_command(context, name)
        assert command.help.strip().splitlines()[0].rstrip(".") == summary.rstrip("."), name


@pytest.mark.parametrize("columns", range(50, 79))
def test_the_root_help_is_laid_out_as_click_does(columns):
    plain = click.Group(
        help="\n\n".join(SUMMARY),
        commands=[click.Command(name, short_help=text) for name, text in COMMANDS.items()],
    )
    plain.list_commands = lambda _: list(COMMANDS)
    plain = click.version_option("1")(plain)
    context = click.Context(
        plain, info_name="crashtool", terminal_width=columns, help_option_names=["-h", "--help"]
    )

    shown = render_root_help(SUMMARY, ROOT_OPTIONS, COMMANDS, columns)
    by_click = plain.get_help(context)

    assert shown == by_click


def test_what_is_shown_without_a_parser_is_what_the_parser_shows(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "71")
    shown = {}
    for way in ("without", "with"):
        monkeypatch.setenv("_CRASHTOOL_COMPLETE", "" if way == "without" else "unknown_shell")
        if way == "with":
            monkeypatch.setattr(root, "_main_shell_completion", lambda *_: None)
        for arguments in (["--help"], ["-h"], ["--version"]):
            with pytest.raises(SystemExit) as end:
                main(arguments)
            assert not end.value.code
            shown.setdefault(arguments[0], []).append(capsys.readouterr().out)

    for argument, (first, second) in shown.items():
        assert first == second, argument


def test_an_unknown_command_is_a_usage_error(crashtool):
    assert crashtool("frobnicate").exit_code == 2


def test_the_version_is_the_literal(crashtool):
    assert crashtool("--version").stdout == f"crashtool {__version__}\n"


def test_commands_complete_from_the_table():
    context = click.Context(root, info_name="crashtool")

    assert [item.value for item in root.shell_complete(context, "s")] == [
        "send-dump",
        "symbols",
        "scaffold",
        "serve",
        "smoke",
    ]


@pytest.fixture
def failing(monkeypatch):
    def install(error):
        @click.command()
        def command():
            raise error

        monkeypatch.setattr(root_command.CommandTable, "get_command", lambda *_: command)

    return install


def test_an_error_ends_with_its_status_and_no_traceback(crashtool, failing):
    failing(Refused("no", hint="other token"))

    result = crashtool("inspect")

    assert result.exit_code == 5
    assert result.stderr == "crashtool: error: no\n  other token\n"


def test_an_interrupt_ends_with_130(crashtool, failing):
    failing(KeyboardInterrupt())

    result = crashtool("inspect")

    assert (result.exit_code, result.stderr) == (130, "crashtool: interrupted\n")


def test_main_ends_the_process(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])

    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("crashtool ")


def test_the_package_runs_as_a_module():
    run = subprocess.run(
        [sys.executable, "-m", "crashtool", "--version"], capture_output=True, text=True, check=True
    )

    assert run.stdout == f"crashtool {__version__}\n"


@pytest.mark.skipif(os.name != "posix", reason="pipes that close are signals on POSIX only")
def test_a_reader_that_goes_away_is_no_error():
    run = subprocess.run(
        ["/bin/sh", "-c", f"'{sys.executable}' -m crashtool --help | head -c 1"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stderr == ""
    assert signal.SIGPIPE


@pytest.mark.skipif(not hasattr(signal, "SIGUSR2"), reason="needs a signal to play Ctrl-Break")
def test_ctrl_break_is_an_interrupt_on_windows(monkeypatch, failing):
    previous = signal.getsignal(signal.SIGUSR2)
    monkeypatch.setattr(signal, "SIGBREAK", signal.SIGUSR2, raising=False)
    monkeypatch.setattr(os, "name", "nt")
    try:
        cli._heed_break()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGUSR2)
    finally:
        signal.signal(signal.SIGUSR2, previous)


def test_a_bug_shows_its_traceback_and_no_command_to_a_ci_system(failing, capsys):
    failing(ValueError("a name\n::error::pwned\r::warning::too"))

    with pytest.raises(SystemExit) as end:
        main(["inspect"])
    said = capsys.readouterr().err
    assert end.value.code == 1
    assert said.startswith("Traceback (most recent call last):\n")
    assert said.endswith("ValueError: a name\n\\x3a:error::pwned\\r::warning::too\n")


COLORS, ANNOTATE = "'auto', 'always', 'never'", "crashtool annotate --help"
INSPECT = "try crashtool inspect --help"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["zzyzx"], "no such command 'zzyzx'\n  try crashtool --help"),
        (
            ["inspct", "crash.dmp"],
            "no such command 'inspct'\n  did you mean inspect? If not, try crashtool --help",
        ),
        (
            ["symbols", "fech"],
            "no such command 'fech'\n  did you mean fetch? If not, try crashtool symbols --help",
        ),
        (["inspect", "--zzyzx"], "no such option '--zzyzx'\n  try crashtool inspect --help"),
        (
            ["inspect", "--register"],
            f"no such option '--register'\n  did you mean --registers? If not, {INSPECT}",
        ),
        (
            ["annotate", "--color", "x"],
            f"invalid value for '--color': 'x' is not one of {COLORS}\n  try {ANNOTATE}",
        ),
        (
            ["inspect", "--cache"],
            f"option '--cache' requires an argument\n  {INSPECT}",
        ),
        (
            ["inspect", "--jobs", "x"],
            f"invalid value for '--jobs': 'x' is not a whole number\n  {INSPECT}",
        ),
        (
            ["inspect", "--jobs", "0"],
            f"invalid value for '--jobs': 0 is not in the range 1 to 64\n  {INSPECT}",
        ),
        (
            ["database", "list", "--limit", "-1"],
            "invalid value for '--limit': -1 is less than 0\n  try crashtool database list --help",
        ),
        (
            ["run", "--timeout", "0"],
            "invalid value for '--timeout': 0.0 is not more than 0\n  try crashtool run --help",
        ),
    ],
)
def test_a_wrong_call_is_told_as_every_other_error(crashtool, arguments, said):
    result = crashtool(*arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"crashtool: error: {said}\n"


def test_a_missing_argument_is_told_in_one_line(crashtool):
    result = crashtool("completion")

    first, second = result.stderr.splitlines()
    assert first.startswith("crashtool: error: missing argument ")
    assert "\\n" not in first
    assert second == "  try crashtool completion --help"


@pytest.mark.parametrize("arguments", [[], ["symbols"]])
def test_without_a_command_the_help_is_shown_as_it_is(crashtool, arguments):
    result = crashtool(*arguments)

    assert result.output.startswith("Usage: crashtool ")
    assert "\nCommands:\n" in result.output
    assert "\\n" not in result.output


@pytest.mark.parametrize("group", ["database", "scaffold", "symbols"])
def test_the_help_of_a_group_says_all_of_what_its_commands_do(crashtool, group):
    listed = crashtool(group, "--help").stdout.partition("Commands:")[2]

    assert listed.count("\n  ") > 4
    assert "..." not in listed


def test_an_interrupt_before_there_is_a_command_is_no_bug(monkeypatch, capsys):
    def interrupt(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_run", interrupt)

    with pytest.raises(SystemExit) as end:
        cli.main(["run", "true"])

    assert end.value.code == 130
    assert capsys.readouterr().err == "crashtool: interrupted\n"
