"""man/*.1: one page for crashtool and one for each subcommand."""

from __future__ import annotations

from crashtool import __version__
from crashtool.commands.command_tree import read_commands
from crashtool.commands.root_command import root
from crashtool.model.command_line import CommandEntry, Parameter, walk_entries
from crashtool.services.settings.environment_variables import FILES, OTHER_VARIABLES, PROJECT_CHOICE
from tools.settings_reference import walk_variables

EXIT_STATUSES = (
    ("0", "done"),
    ("1", "a bug in crashtool"),
    ("2", "usage"),
    ("3", "input unusable: not a minidump, damaged beyond use, nothing found"),
    ("4", "a check failed"),
    ("5", "refused: bad token, wrong kind of token, forbidden"),
    ("6", "rejected by the server for another reason"),
    ("7", "network: DNS, TLS, proxy, time-out, 5xx after retries"),
    ("8", "partial: some of several inputs failed"),
    ("9", "the answer, or a file asked for, cannot be written"),
    ("130", "interrupted"),
)


def render_man_pages() -> dict[str, str]:
    """File name → page."""
    entries = list(walk_entries(read_commands(root)))
    return {f"{_page_name(entry)}.1": _render_page(entry, entries) for entry in entries}


def _page_name(entry: CommandEntry) -> str:
    words = entry.name.replace(" ", "-")
    return words if words == "crashtool" else f"crashtool-{words}"


def _render_page(entry: CommandEntry, entries: list[CommandEntry]) -> str:
    name = _page_name(entry)
    lines = [
        f'.TH "{name.upper()}" 1 "" "crashtool {__version__}" "User Commands"',
        ".SH NAME",
        f"{_escape(name)} \\- {_escape(entry.summary.rstrip('.'))}",
        ".SH SYNOPSIS",
        f".B {_escape(entry.usage)}",
        ".SH DESCRIPTION",
    ]
    for paragraph in entry.description:
        if paragraph.startswith("\b"):
            lines += [".PP", ".nf", *map(_escape, paragraph[1:].strip("\n").splitlines()), ".fi"]
        else:
            lines += [".PP", _escape(" ".join(paragraph.split()))]
    if entry.name == "crashtool":
        lines.append(".SH COMMANDS")
        for other in entries[1:]:
            lines += [".TP", f".BR {_escape(_page_name(other))} (1)", _escape(other.summary)]
    lines.append(".SH OPTIONS")
    for param in entry.parameters:
        if param.flags:
            lines += [".TP", _flags(param), _escape(" ".join(param.help.split()))]
    lines.append(".SH EXIT STATUS")
    for status, meaning in EXIT_STATUSES:
        lines += [".TP", f".B {status}", _escape(meaning)]
    lines += _render_environment(entry) + _render_files()
    others = [_page_name(other) for other in entries if other.name != entry.name]
    lines += [".SH SEE ALSO", ", ".join(f"\\fB{_escape(other)}\\fR(1)" for other in others)]
    return "\n".join(lines) + "\n"


def _render_environment(entry: CommandEntry) -> list[str]:
    """The variables of the settings that a command reads; the page of crashtool has all."""
    rows = [*walk_variables(entry), (PROJECT_CHOICE.name, PROJECT_CHOICE.meaning)]
    lines = [".SH ENVIRONMENT"]
    if entry.name == "crashtool":
        rows += [(row.name, row.meaning) for row in OTHER_VARIABLES]
    for name, meaning in rows:
        lines += [".TP", f".B {_escape(name)}", _escape(meaning.replace("`", "").strip())]
    if entry.name != "crashtool":
        lines += [
            ".PP",
            "Others, such as proxies and NO_COLOR, are listed in",
            ".BR crashtool (1).",
        ]
    return lines


def _render_files() -> list[str]:
    lines = [".SH FILES"]
    for row in FILES:
        lines += [".TP", f".I {_escape(row.path)}", _escape(row.meaning.replace("`", ""))]
        if row.windows_path != row.path:
            lines.append(_escape(f"On Windows {row.windows_path}."))
    return lines


def _flags(param: Parameter) -> str:
    flags = ", ".join(f"\\fB{_escape(flag)}\\fR" for flag in param.flags)
    return flags + (f" \\fI{_escape(param.metavar)}\\fR" if param.metavar else "")


def _escape(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = "".join(sign if sign.isascii() else f"\\[u{ord(sign):04X}]" for sign in text)
    return "\\&" + text if text.startswith((".", "'")) else text
