"""link.dsym and link.handler: what an Xcode project makes of symbols and of the handler."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.text_file import read_text_file
from crashtool.formats.xcode_project import parse_project
from crashtool.model.doctor import CheckResult, Subject
from crashtool.services.integration.doctor.examination import Examination
from crashtool.services.integration.doctor.findings import failure, skip, warning

MAX_TEXT = 64 << 20  # bytes
FORMAT, DEBUGGING = "DEBUG_INFORMATION_FORMAT", "GCC_GENERATE_DEBUGGING_SYMBOLS"
WITH_DSYM, WITHOUT_DSYM = "dwarf-with-dsym", "dwarf"
HANDLER_NAME = "crashpad_handler"
RESOURCES = "7"  # dstSubfolderSpec of a PBXCopyFilesBuildPhase
# Kinds of product that crash, by the end of productType
PRODUCTS = ("application", "tool", "library.dynamic", "framework", "bundle", "app-extension")
UNREADABLE = "Crashes of this configuration stay bare addresses: there is nothing to upload."


class XcodeConfiguration(NamedTuple):
    """A configuration of a target, with what the project sets for all; `is_whole`: without files
    of settings (.xcconfig) besides.
    """

    target: str
    name: str
    settings: dict[str, Any]
    is_whole: bool

    @property
    def shown(self) -> str:
        """The configuration in a sentence."""
        return f"{self.target} {self.name}"

    @property
    def is_release(self) -> bool:
        """Whether users get it."""
        return not self.name.lower().startswith("debug")


def check_dsym(project: Subject, examination: Examination) -> Iterator[CheckResult]:
    """Release configurations leave a dSYM."""
    wanted = examination.options.configuration.lower()
    for configuration in read_configurations(examination.recall(read_objects, project.path)):
        if not configuration.is_release or wanted not in ("", configuration.name.lower()):
            continue
        kind = configuration.settings.get(FORMAT)
        if configuration.settings.get(DEBUGGING) == "NO":
            yield failure(
                project.path,
                f"{configuration.shown} is compiled without debug information",
                UNREADABLE,
                f"set {DEBUGGING} to YES (Generate Debug Symbols)",
            )
        elif kind == WITHOUT_DSYM:
            yield failure(
                project.path,
                f"{configuration.shown} makes no dSYM ({FORMAT} is {WITHOUT_DSYM})",
                "The debug information stays in object files of this machine: crashes of users "
                "stay bare addresses.",
                f'set {FORMAT} to {WITH_DSYM} ("DWARF with dSYM File")',
            )
        elif kind != WITH_DSYM:
            where = (
                "perhaps in an .xcconfig"
                if not configuration.is_whole
                else "Xcode's default counts"
            )
            yield skip(
                project.path, f"{configuration.shown}: {FORMAT} is not written there, {where}"
            )


def check_handler_phase(project: Subject, examination: Examination) -> Iterator[CheckResult]:
    """A build phase puts the handler into the product, where code may lie."""
    objects = examination.recall(read_objects, project.path)
    phases = list(_walk_copies(objects))
    scripts = [item for item in objects.values() if item.get("isa") == "PBXShellScriptBuildPhase"]
    if not phases and not any(HANDLER_NAME in str(item.get("shellScript")) for item in scripts):
        yield warning(
            project.path,
            f"no build phase copies {HANDLER_NAME}",
            "The app is shipped without its handler, unless another tool puts it there: nothing "
            "is reported.",
            f"add a Copy Files phase with {HANDLER_NAME}, to Executables, with Code Sign On Copy",
        )
    for phase in phases:
        if str(phase.get("dstSubfolderSpec")) == RESOURCES:
            yield warning(
                project.path,
                f"{HANDLER_NAME} is copied to Resources, which is not for code",
                "The bundle's signature does not cover it as code: notarization and Gatekeeper may "
                "refuse the app.",
                "copy it to Executables (Contents/MacOS), with Code Sign On Copy",
            )


def read_objects(path: str) -> dict[str, dict[str, Any]]:
    """The objects of a project by their identifiers. MalformedFile; OSError."""
    objects = parse_project(read_text_file(path, largest=MAX_TEXT)).get("objects")
    rows = objects.items() if isinstance(objects, dict) else ()
    return {key: item for key, item in rows if isinstance(item, dict)}


def read_configurations(objects: dict[str, dict[str, Any]]) -> Iterator[XcodeConfiguration]:
    """The configurations of all targets that make something which may crash."""
    shared: dict[str, list[dict[str, Any]]] = {}
    for item in objects.values():
        if item.get("isa") == "PBXProject":
            for configuration in _list_configurations(item, objects):
                shared.setdefault(str(configuration.get("name")), []).append(configuration)
    for target in objects.values():
        kind = str(target.get("productType"))
        if target.get("isa") != "PBXNativeTarget" or not kind.endswith(PRODUCTS):
            continue
        for own in _list_configurations(target, objects):
            name = str(own.get("name"))
            rows = [*shared.get(name, []), own]
            settings: dict[str, Any] = {}
            for item in rows:
                values = item.get("buildSettings")
                settings |= values if isinstance(values, dict) else {}
            is_whole = not any(item.get("baseConfigurationReference") for item in rows)
            yield XcodeConfiguration(str(target.get("name")), name, settings, is_whole)


def _list_configurations(
    owner: dict[str, Any], objects: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    rows = objects.get(str(owner.get("buildConfigurationList")), {}).get("buildConfigurations")
    keys = rows if isinstance(rows, list) else []
    return [objects[key] for key in map(str, keys) if key in objects]


def _walk_copies(objects: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The phases that copy the handler."""
    for phase in objects.values():
        files = phase.get("files")
        if phase.get("isa") not in COPYING or not isinstance(files, list):
            continue
        for key in map(str, files):
            file = objects.get(str(objects.get(key, {}).get("fileRef")), {})
            names = (str(file.get("path")), str(file.get("name")))
            if any(name.rpartition("/")[2] == HANDLER_NAME for name in names):
                is_resource = phase.get("isa") == "PBXResourcesBuildPhase"
                yield {**phase, "dstSubfolderSpec": RESOURCES} if is_resource else phase


COPYING = ("PBXCopyFilesBuildPhase", "PBXResourcesBuildPhase")
