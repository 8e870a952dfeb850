"""The command line as plain values: what man pages, the reference and completions are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from crashtool.formats.named_tuple import NamedTuple


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
    subcommands: tuple[CommandEntry, ...] = ()

    @property
    def word(self) -> str:
        """What is typed for it, after its group's name."""
        return self.name.rpartition(" ")[2]

    @property
    def flags(self) -> list[str]:
        """The spellings of all its options."""
        return [flag for param in self.parameters for flag in param.flags]

    @property
    def argument_choices(self) -> tuple[str, ...]:
        """What its argument may be, where that is one of a few words."""
        return next((p.choices for p in self.parameters if p.choices and not p.flags), ())


def walk_entries(entries: Iterable[CommandEntry]) -> Iterator[CommandEntry]:
    """The commands, each group followed by its subcommands."""
    for entry in entries:
        yield entry
        yield from entry.subcommands
