"""What a project says of one configuration, such as Release|x64."""

from __future__ import annotations

from crashtool.formats.named_tuple import NamedTuple


class MsbuildSetting(NamedTuple):
    """A setting's value with the macros that are known, and where it is written."""

    value: str
    file: str
    line: int


class CompiledFile(NamedTuple):
    """A file that is compiled, with what is set for it alone."""

    path: str
    settings: dict[str, MsbuildSetting]


class Configuration(NamedTuple):
    """One configuration of a project.

    `properties` by their names in lower case. `compiler` and `linker`: the project's defaults, by
    name. `unknown`: names, "ClCompile.RuntimeLibrary" for instance, that are set under conditions
    which only Visual Studio can judge. `not_read`: imports that were not followed.
    """

    name: str
    platform: str
    properties: dict[str, MsbuildSetting]
    compiler: dict[str, MsbuildSetting]
    linker: dict[str, MsbuildSetting]
    sources: tuple[CompiledFile, ...] = ()
    unknown: frozenset[str] = frozenset()
    not_read: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """As Visual Studio writes it: Release|x64."""
        return f"{self.name}|{self.platform}"

    def find_property(self, name: str) -> MsbuildSetting | None:
        """A property, whatever its case; None when the project does not set it."""
        return self.properties.get(name.lower())


def split_list(text: str) -> list[str]:
    """The entries of a list with semicolons, without those inherited: `%(Name)`, `$(NoInherit)`."""
    entries = (entry.strip() for entry in text.replace("\n", ";").split(";"))
    return [entry for entry in entries if entry and not entry.startswith("%(")]
