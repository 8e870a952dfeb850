"""The completion script for fish."""

from __future__ import annotations

from collections.abc import Iterator

from crashtool.model.command_line import CommandEntry, Parameter


def render_fish(entries: list[CommandEntry]) -> str:
    """The script. fish completes file names wherever no `-f` forbids them."""
    root, *commands = entries
    whole = root._replace(subcommands=tuple(commands))
    return "\n".join(["# fish completion for crashtool", *_walk_lines(whole, "")]) + "\n"


def _walk_lines(entry: CommandEntry, seen: str) -> Iterator[str]:
    """The lines of a command and of its own; `seen` is the condition under which they hold."""
    children = " ".join(child.word for child in entry.subcommands)
    here = seen
    if children:
        here = _both(seen, f"not __fish_seen_subcommand_from {children}")
    for child in entry.subcommands:
        yield f"{_complete(here)} -f -a {child.word} -d {_quote(child.summary)}"
    if entry.argument_choices:
        yield f"{_complete(here)} -f -a {_quote(' '.join(entry.argument_choices))}"
    for param in entry.parameters:
        if param.flags:
            yield _render_option(here, param)
    for child in entry.subcommands:
        yield from _walk_lines(child, _both(seen, f"__fish_seen_subcommand_from {child.word}"))


def _both(first: str, second: str) -> str:
    return f"{first}; and {second}" if first else second


def _complete(condition: str) -> str:
    return f"complete -c crashtool -n {_quote(condition)}"


def _render_option(condition: str, param: Parameter) -> str:
    parts = [_complete(condition)]
    parts += [
        f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in param.flags
    ]
    if param.choices:
        parts.append(f"-x -a {_quote(' '.join(param.choices))}")
    elif param.takes_value:
        parts.append("-r")
    parts.append(f"-d {_quote(' '.join(param.help.split()))}")
    return " ".join(parts)


def _quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
