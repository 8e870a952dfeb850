"""The commands as plain values, read from click, for the generators."""

import inspect
from collections.abc import Iterator
from typing import Any, NamedTuple

import click

from crashtool.cli import COMMANDS, root


class Parameter(NamedTuple):
    """One option or argument. `flags` is empty for an argument."""

    name: str
    flags: tuple[str, ...]
    metavar: str
    help: str
    takes_value: bool
    choices: tuple[str, ...]
    is_path: bool


class CommandEntry(NamedTuple):
    """One command: its usage line, help text in paragraphs, parameters.

    `name` is all that comes after `crashtool`. `subcommands` are those of a group.
    """

    name: str
    summary: str
    usage: str
    description: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    subcommands: "tuple[CommandEntry, ...]" = ()


def read_commands() -> list[CommandEntry]:
    """The root command, then each subcommand in the order of the table."""
    context = click.Context(root, info_name="crashtool", **root.context_settings)
    entries = [_read_command("crashtool", str(root.help).splitlines()[0], root, context)]
    for name, summary in COMMANDS.items():
        command = root.get_command(context, name)
        assert command is not None  # noqa: S101 (the table and the modules agree)
        child = click.Context(command, info_name=name, parent=context)
        entries.append(_read_command(name, summary, command, child))
    return entries


def walk_entries(entries: list[CommandEntry]) -> Iterator[CommandEntry]:
    """The commands, each group followed by its subcommands."""
    for entry in entries:
        yield entry
        yield from entry.subcommands


def _read_command(
    name: str, summary: str, command: click.Command, context: click.Context
) -> CommandEntry:
    text = inspect.cleandoc(command.help or "")
    return CommandEntry(
        name,
        summary,
        " ".join([context.command_path, *command.collect_usage_pieces(context)]),
        tuple(part for part in text.split("\n\n") if part.strip()),
        tuple(_read_parameter(param, context) for param in command.get_params(context)),
        tuple(_read_group(name, command, context)),
    )


def _read_group(
    name: str, command: click.Command, context: click.Context
) -> Iterator[CommandEntry]:
    """The commands of a group that is not the root."""
    if not isinstance(command, click.Group) or command is root:
        return
    for word in command.list_commands(context):
        child = command.get_command(context, word)
        assert child is not None  # noqa: S101 (a group knows its commands)
        summary = inspect.cleandoc(child.help or "").splitlines()[0]
        child_context = click.Context(child, info_name=word, parent=context)
        yield _read_command(f"{name} {word}", summary, child, child_context)


def _read_parameter(param: click.Parameter, context: click.Context) -> Parameter:
    is_option = isinstance(param, click.Option)
    takes_value = not (
        is_option and (getattr(param, "is_flag", False) or getattr(param, "count", False))
    )
    kind: Any = param.type
    return Parameter(
        param.name or "",
        tuple(param.opts + param.secondary_opts) if is_option else (),
        _metavar(param, context) if takes_value else "",
        getattr(param, "help", None) or "",
        takes_value,
        tuple(map(str, kind.choices)) if isinstance(kind, click.Choice) else (),
        isinstance(kind, click.Path | click.File),
    )


def _metavar(param: click.Parameter, context: click.Context) -> str:
    return param.make_metavar(context)
