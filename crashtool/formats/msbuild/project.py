"""A project with its property sheets, evaluated for each of its configurations.

As MSBuild does it: first all properties, with imports where they stand; then the defaults of items
(ItemDefinitionGroup); then items. Visual Studio's own files are not there to be read.
"""

from __future__ import annotations

import ntpath
import re
from collections import ChainMap
from collections.abc import Callable, Iterator
from contextlib import suppress

from crashtool.errors import InputUnusable
from crashtool.formats.msbuild.configuration import CompiledFile, Configuration, MsbuildSetting
from crashtool.formats.msbuild.elements import Element, read_elements
from crashtool.formats.msbuild.property_values import UNKNOWN, evaluate_condition, expand, is_known
from crashtool.formats.named_tuple import NamedTuple

MAX_IMPORTS = 200
MAX_CONFIGURATIONS = 64
MAX_SOURCES = 20_000
COMPILER, LINKER = "ClCompile", "Link"
# What Visual Studio's own files define, even where a project defines it, too
OF_VISUAL_STUDIO = frozenset(
    (
        "vctargetspath",
        "vcinstalldir",
        "userrootdir",
        "platformtoolset",
        "outdir",
        "intdir",
        "targetname",
        "windowstargetplatformversion",
        "solutiondir",
    )
)
SELF = re.compile(r"%\(([\w.]+)\)")


class Files(NamedTuple):
    """How a project's files are had. Paths are as the reader likes them.

    `load`: a file's bytes by its path, None when it does not exist or is not the project's own.
    `exists`: whether there is a file or folder of that path. `resolve`: the path of a file, given
    the folder it is relative to and its name in a project; None when it is not one of the
    project's. `folder`: the folder of a file, as projects spell it.
    """

    load: Callable[[str], bytes | None]
    exists: Callable[[str], bool]
    resolve: Callable[[str, str], str | None]
    folder: Callable[[str], str]


class _Piece(NamedTuple):
    """An ItemDefinitionGroup or ItemGroup, with the file it is in."""

    group: Element
    file: str


def read_project(
    path: str, files: Files, macros: dict[str, str], *, before: str = "", after: str = ""
) -> tuple[Configuration, ...]:
    """The configurations of a project or property sheet; of a sheet one without a name.

    `macros`: by names in lower case. `before` and `after`: Directory.Build.props and .targets.
    InputUnusable when it cannot be read, or is not MSBuild's.
    """
    content = files.load(path)
    if content is None:
        raise InputUnusable(f"{path} cannot be read")
    root = read_elements(content, path)
    if root.name != "Project":
        raise InputUnusable(f"{path} is not an MSBuild file: it begins with <{root.name}>")
    names = list(_walk_configurations(root))[:MAX_CONFIGURATIONS] or [("", "")]
    return tuple(
        _Evaluation(files, macros, name, platform).read(path, root, before, after)
        for name, platform in dict.fromkeys(names)
    )


def _walk_configurations(root: Element) -> Iterator[tuple[str, str]]:
    for group in root.children:
        if group.name != "ItemGroup":
            continue
        for item in group.children:
            if item.name == "ProjectConfiguration":
                name, _, platform = item.get("Include").partition("|")
                yield name, platform


class _Evaluation:
    """One configuration while it is read."""

    def __init__(self, files: Files, macros: dict[str, str], name: str, platform: str) -> None:
        self._files = files
        self._name, self._platform = name, platform
        self._macros = dict(macros)
        if name or platform:
            self._macros |= {"configuration": name, "platform": platform}
        self._own: dict[str, str] = {}
        self._properties: dict[str, MsbuildSetting] = {}
        self._unknown: set[str] = set()
        self._not_read: list[str] = []
        self._pieces: list[_Piece] = []
        self._imported: set[str] = set()

    def read(self, path: str, root: Element, before: str, after: str) -> Configuration:
        if before:
            self._import(before, before)
        self._read_file(path, root)
        if after:
            self._import(after, after)
        settings: dict[str, dict[str, MsbuildSetting]] = {COMPILER: {}, LINKER: {}}
        sources: list[CompiledFile] = []
        for group, file in self._pieces:
            if group.name == "ItemDefinitionGroup":
                self._read_definitions(group, file, settings)
        for group, file in self._pieces:
            if group.name == "ItemGroup":
                sources += self._walk_sources(group, file)
        return Configuration(
            self._name,
            self._platform,
            self._properties,
            settings[COMPILER],
            settings[LINKER],
            tuple(sources[:MAX_SOURCES]),
            frozenset(self._unknown),
            tuple(dict.fromkeys(self._not_read)),
        )

    def _read_file(self, path: str, root: Element) -> None:
        names = {
            setting.name.lower()
            for group in root.children
            if group.name == "PropertyGroup"
            for setting in group.children
        }
        self._own |= dict.fromkeys(names - OF_VISUAL_STUDIO - self._unknown, "")
        self._read_children(path, root)

    def _read_children(self, path: str, parent: Element) -> None:
        for element in parent.children:
            self._enter(path)
            holds = self._assess(element, path)
            if element.name == "PropertyGroup":
                self._read_properties(element, path, holds=holds)
            elif element.name == "Import":
                self._read_import(element, path, holds=holds)
            elif element.name == "ImportGroup" and holds is not False:
                self._read_children(path, element)
            elif element.name in ("ItemDefinitionGroup", "ItemGroup") and holds is not False:
                self._pieces.append(_Piece(element, path))
            elif element.name == "Choose":
                self._choose(element, path)

    def _enter(self, path: str) -> None:
        self._macros["msbuildthisfiledirectory"] = self._files.folder(path)

    def _assess(self, element: Element, path: str) -> bool | None:
        macros = ChainMap(self._macros, self._own)

        def exists(name: str) -> bool | None:
            resolved = self._files.resolve(self._files.folder(path), name)
            return None if resolved is None else self._files.exists(resolved)

        return evaluate_condition(element.get("Condition"), macros, exists)

    def _read_properties(self, group: Element, path: str, *, holds: bool | None) -> None:
        for element in group.children:
            own = self._assess(element, path)
            if holds is False or own is False:
                continue
            name = element.name.lower()
            if holds is None or own is None:
                self._forget(name, element.text)
                continue
            value = expand(element.text, self._macros)
            self._unknown.discard(name)
            self._macros[name] = value
            self._properties[name] = MsbuildSetting(value, path, element.line)

    def _forget(self, name: str, text: str) -> None:
        """A property that may be set here. Where that only adds to it, the rest stays known."""
        before = self._macros.get(name)
        if before is not None and f"$({name})" in text.lower():
            self._macros[name] = f"{before};{UNKNOWN}"
            return
        self._unknown.add(name)
        self._own.pop(name, None)
        self._macros.pop(name, None)

    def _choose(self, choose: Element, path: str) -> None:
        """The first <When> that holds; all up to it count as unknown when one cannot be judged."""
        for branch in choose.children:
            holds = True if branch.name == "Otherwise" else self._assess(branch, path)
            if holds is None:
                self._not_read.append(f"<Choose> in line {choose.line}")
                return
            if holds:
                self._read_children(path, branch)
                return

    def _read_import(self, element: Element, path: str, *, holds: bool | None) -> None:
        if holds is False:
            return
        name = expand(element.get("Project"), self._macros)
        if holds is None or not is_known(name):
            if not name.lower().startswith(("$(vctargetspath)", "$(userrootdir)")):
                self._not_read.append(element.get("Project"))
            return
        resolved = self._files.resolve(self._files.folder(path), name)
        if resolved is None:
            self._not_read.append(name)
        else:
            self._import(resolved, name)
            self._enter(path)

    def _import(self, path: str, shown: str) -> None:
        if path in self._imported:
            return
        self._imported.add(path)
        if len(self._imported) > MAX_IMPORTS:
            self._not_read.append(shown)
            return
        content = self._files.load(path)
        if content is None:
            self._not_read.append(shown)
            return
        with suppress(InputUnusable):
            self._read_file(path, read_elements(content, path))
            return
        self._not_read.append(shown)

    def _read_definitions(
        self, group: Element, path: str, settings: dict[str, dict[str, MsbuildSetting]]
    ) -> None:
        self._enter(path)
        holds = self._assess(group, path)
        for tool in group.children:
            if tool.name in settings:
                own = self._assess(tool, path)
                for element in tool.children:
                    last = self._assess(element, path)
                    if False not in (holds, own, last):
                        is_sure = None not in (holds, own, last)
                        self._set(settings[tool.name], tool.name, element, path, is_sure=is_sure)

    def _set(
        self,
        tool: dict[str, MsbuildSetting],
        title: str,
        element: Element,
        path: str,
        *,
        is_sure: bool,
    ) -> None:
        full = f"{title}.{element.name}"
        if not is_sure:
            self._unknown.add(full)
            return
        before = tool[element.name].value if element.name in tool else ""
        text = expand(element.text, self._macros)
        inherits = any(name in (element.name, full) for name in SELF.findall(text))
        if not inherits:
            self._unknown.discard(full)
        value = SELF.sub(lambda name: before if name[1] in (element.name, full) else name[0], text)
        tool[element.name] = MsbuildSetting(value, path, element.line)

    def _walk_sources(self, group: Element, path: str) -> Iterator[CompiledFile]:
        self._enter(path)
        if self._assess(group, path) is not True:
            return
        for item in group.children:
            if item.name != COMPILER or not item.get("Include"):
                continue
            settings = {}
            for element in item.children:
                if self._assess(element, path) is True:
                    value = expand(element.text, self._macros)
                    settings[element.name] = MsbuildSetting(value, path, element.line)
            for name in expand(item.get("Include"), self._macros).split(";"):
                yield CompiledFile(ntpath.normpath(name.strip()), settings)
