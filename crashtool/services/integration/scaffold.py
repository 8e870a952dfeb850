"""The integration files that can be written: a name, a template, the file's own name."""

from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from crashtool.errors import UsageError, cannot_write
from crashtool.services.whole_file import make_folder, write_whole

PACKAGE = "crashtool.services.integration"


class Scaffold(NamedTuple):
    """A template, and the place in a project that its file usually has."""

    name: str
    template: str
    place: str
    summary: str


SCAFFOLDS = {
    row.name: row
    for row in (
        Scaffold("cmake", "CrashtoolSymbols.cmake", "cmake/CrashtoolSymbols.cmake",
                 "a CMake function that gates and uploads after a build"),
        Scaffold("msbuild", "Crashtool.Symbols.targets", "Crashtool.Symbols.targets",
                 "an MSBuild target that uploads after each build"),
        Scaffold("github-action", "action.yml", ".github/actions/upload-symbols/action.yml",
                 "a composite GitHub Action"),
        Scaffold("reg", "winhttp-tls.reg", "winhttp-tls.reg",
                 "TLS 1.1 and 1.2 for WinHTTP on Windows 7 and Server 2008 R2, after KB3140245"),
    )
}  # fmt: skip


def read_scaffold(name: str) -> str:
    """The text of an integration file, with line ends of its own kind."""
    text = files(PACKAGE).joinpath("templates", SCAFFOLDS[name].template).read_text("utf-8")
    return text.replace("\n", "\r\n") if name == "reg" else text


def write_scaffold(name: str, target: Path, *, force: bool) -> None:
    """Write an integration file. UsageError when there is another file already, unless `force`;
    CannotWrite when it cannot be written.
    """
    text = read_scaffold(name)
    encoded = text.encode("utf-16" if name == "reg" else "utf-8")  # regedit reads UTF-16 or ANSI
    try:
        if target.exists() and not force and target.read_bytes() != encoded:
            raise UsageError(f"{target} is there already", hint="--force replaces it")
    except OSError as error:
        raise cannot_write(target, error) from None
    make_folder(target.parent)
    write_whole(target, encoded)
