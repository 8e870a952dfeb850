"""The integration files that can be written: a name, a template, the file's own name."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from crashtool.errors import UsageError, cannot_write
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.registry_file import pack_registry_file
from crashtool.model.integration import NEW, REPLACED, UNCHANGED, WrittenFile
from crashtool.services.files.whole_file import make_folder, write_whole
from crashtool.services.integration.project_template import project_template
from crashtool.services.integration.windows_tls import registry_text

PACKAGE = "crashtool.services.integration"


class Scaffold(NamedTuple):
    """A template, and the path that its file usually has in a project.

    What is made from facts instead of a template has an empty one.
    """

    name: str
    template: str
    path: str
    summary: str


SCAFFOLDS = {
    scaffold.name: scaffold
    for scaffold in (
        Scaffold(
            "cmake",
            "CrashtoolSymbols.cmake",
            "cmake/CrashtoolSymbols.cmake",
            "a CMake function that gates and uploads after a build",
        ),
        Scaffold(
            "msbuild",
            "Crashtool.Symbols.targets",
            "Crashtool.Symbols.targets",
            "an MSBuild target that uploads after each build",
        ),
        Scaffold(
            "github-action",
            "action.yml",
            ".github/actions/upload-symbols/action.yml",
            "a composite GitHub Action",
        ),
        Scaffold(
            "reg",
            "",
            "winhttp-tls.reg",
            "TLS 1.1 and 1.2 on Windows 7, Server 2008 R2 and 2012, after KB3140245",
        ),
        Scaffold("toml", "", "crashtool.toml", "a commented crashtool.toml with every setting"),
    )
}


def read_scaffold(name: str) -> str:
    """The text of an integration file."""
    if name == "reg":
        return registry_text()
    if name == "toml":
        return project_template()
    return files(PACKAGE).joinpath("templates", SCAFFOLDS[name].template).read_text("utf-8")


def write_scaffold(name: str, target: Path, *, force: bool) -> WrittenFile:
    """Write an integration file. UsageError when there is another file already, unless `force`;
    CannotWrite when it cannot be written.
    """
    text = read_scaffold(name)
    encoded = pack_registry_file(text) if name == "reg" else text.encode("utf-8")
    return write_files({target: encoded}, force=force)[0]


def write_files(contents: dict[Path, bytes], *, force: bool) -> tuple[WrittenFile, ...]:
    """Write files, of which none is written when another file is in the way of one of them.

    UsageError then, unless `force`; CannotWrite when one cannot be written.
    """
    states = {target: _compare(target, content) for target, content in contents.items()}
    for target, state in states.items():
        if state == REPLACED and not force:
            raise UsageError(f"{target} is there already", hint="--force replaces it")
    for target, content in contents.items():
        make_folder(target.parent)
        write_whole(target, content)
    return tuple(
        WrittenFile(str(target), len(content), states[target])
        for target, content in contents.items()
    )


def _compare(target: Path, content: bytes) -> str:
    """What writing will be: of a new file, of the same, or in place of another."""
    try:
        if not target.exists():
            return NEW
        return UNCHANGED if target.read_bytes() == content else REPLACED
    except OSError as error:
        raise cannot_write(target, error) from None
