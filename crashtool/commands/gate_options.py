"""Which debug files are checked, how strictly, and what they must be enough for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_kinds import KINDS
from crashtool.services.settings.layers import user_cache_folder

if TYPE_CHECKING:
    from crashtool.services.symbol_upload.inspect_files import SurveyOptions

Function = TypeVar("Function", bound=Callable[..., Any])


class GateOptions(NamedTuple):
    """The values of `gate_options`: the same check in `symbols check` and in `upload-symbols`."""

    exclude: tuple[str, ...]
    types: tuple[str, ...]
    require_for: tuple[str, ...]
    for_dump: tuple[str, ...]
    not_required: tuple[str, ...]
    require_all: bool
    strict: bool
    quick: bool

    @classmethod
    def take(cls, values: dict[str, Any]) -> GateOptions:
        """Those among a command's values, which are left with the others."""
        return cls(**{name: values.pop(name) for name in cls._fields})

    def survey(self, inputs: tuple[str, ...]) -> SurveyOptions:
        """What to look at in these inputs, and how closely."""
        from crashtool.services.symbol_upload.gate import Requirements
        from crashtool.services.symbol_upload.inspect_files import SurveyOptions

        return SurveyOptions(
            inputs,
            self.exclude,
            self.types,
            quick=self.quick,
            requirements=Requirements(
                self.require_for, self.for_dump, self.not_required, self.require_all
            ),
            cache=user_cache_folder(),
        )


_GATE = (
    click.option(
        "--exclude",
        multiple=True,
        metavar="GLOB",
        help="Leave out files and folders whose name, or path below PATH, matches. Slashes "
        "and backslashes both separate, and * goes across them. Repeatable.",
    ),
    click.option(
        "--type",
        "types",
        multiple=True,
        type=click.Choice(KINDS),
        help="Only this kind of file. Repeatable.",
    ),
    click.option(
        "--require-for",
        multiple=True,
        type=click.Path(),
        metavar="PATH",
        help="Release gate: every module that ships under PATH must be readable with these "
        "files, or the exit status is 4 and nothing is sent. Repeatable.",
    ),
    click.option(
        "--for-dump",
        multiple=True,
        type=click.Path(),
        metavar="FILE",
        help="The same for the modules that a minidump needs. Repeatable.",
    ),
    click.option(
        "--not-required",
        multiple=True,
        metavar="GLOB",
        help="Modules, and files that cannot be opened (installers, disk images, encrypted "
        "archives), that --require-for and --for-dump let pass, by name or path. "
        "Repeatable.",
    ),
    click.option(
        "--require-all-modules",
        "require_all",
        is_flag=True,
        help="With --for-dump, also the operating system's own.",
    ),
    click.option(
        "--strict",
        is_flag=True,
        help="Treat warnings as errors: the exit status is 4 and nothing is sent.",
    ),
    click.option(
        "--quick",
        is_flag=True,
        help="Trust the headers instead of trying look-ups in each file.",
    ),
)


def gate_options(function: Function) -> Function:
    """--exclude and --type, the release gate, --strict and --quick."""
    for option in reversed(_GATE):
        function = option(function)
    return function
