"""host.tls.windows: whether uploads from old Windows can have TLS 1.2, by its registry."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress

from crashtool.errors import InputUnusable
from crashtool.formats.registry_file import index_registry, parse_registry_file
from crashtool.formats.text_file import read_text_file
from crashtool.model.doctor import REGISTRY, CheckResult, Subject
from crashtool.services.integration.doctor.configured import find_handler_kind
from crashtool.services.integration.doctor.examination import Examination
from crashtool.services.integration.doctor.findings import skip, warning
from crashtool.services.integration.windows_tls import (
    OLD_WINDOWS,
    SCHANNEL,
    SETTINGS,
    UPDATE,
    WINDOWS_7,
    WINHTTP,
    WINHTTP_32,
    is_set,
    needed_settings,
)

VERSION_KEY = r"hkey_local_machine\software\microsoft\windows nt\currentversion"
ABOUT = tuple(key.lower() for key in (WINHTTP, WINHTTP_32, SCHANNEL))
Registry = Mapping[tuple[str, str], int | str | bytes]


def check_tls(subject: Subject, examination: Examination) -> Iterator[CheckResult]:
    """The values that KB3140245 and Schannel want, in both views of the registry."""
    if subject.kind == REGISTRY:
        text = read_text_file(subject.path)
        registry = index_registry(parse_registry_file(text, subject.path))
        yield from assess_registry(subject.path, registry, find_handler_kind(examination))
        return
    if sys.platform == "win32":
        # What the program that runs Python declares hides later versions; this one is true.
        version = sys.getwindowsversion().platform_version[:2]
        if version <= max(OLD_WINDOWS):
            kind = find_handler_kind(examination)
            yield from _walk_missing("this machine", _read_registry(), version, kind)
    else:
        yield skip("", "not Windows")


def assess_registry(shown: str, registry: Registry, kind: str) -> Iterator[CheckResult]:
    """What is missing in an exported registry, for a kind of handler."""
    version = _find_version(registry)
    if version is not None and version > max(OLD_WINDOWS):
        return
    if version is None and not any(key.startswith(ABOUT) for key, _ in registry):
        raise InputUnusable("nothing about TLS, nor which Windows it is, in it")
    yield from _walk_missing(shown, registry, version or WINDOWS_7, kind)


def _walk_missing(
    shown: str, registry: Registry, version: tuple[int, int], kind: str
) -> Iterator[CheckResult]:
    for setting in needed_settings(version, kind):
        if not is_set(setting, registry):
            system = OLD_WINDOWS.get(version, "this Windows")
            yield warning(
                shown,
                f"{setting.key}: {setting.name} does not allow TLS 1.2",
                f"{system}: {setting.reason}. The upload fails where the server requires TLS 1.2.",
                f"install {UPDATE} first, then import the file of: crashtool scaffold reg",
            )


def _find_version(registry: Registry) -> tuple[int, int] | None:
    """The system's version, where the export has it."""
    major = registry.get((VERSION_KEY, "currentmajorversionnumber"))
    if isinstance(major, int):
        return (major, 0)
    text = registry.get((VERSION_KEY, "currentversion"))
    parts = text.split(".") if isinstance(text, str) else []
    if len(parts) == 2 and all(part.isdigit() for part in parts):  # noqa: PLR2004
        return (int(parts[0]), int(parts[1]))
    return None


def _read_registry() -> Registry:
    """The settings that matter, as this Windows has them."""
    values: dict[tuple[str, str], int | str | bytes] = {}
    if sys.platform == "win32":
        import winreg

        for setting in SETTINGS:
            path = setting.key.partition("\\")[2]
            access = winreg.KEY_READ | winreg.KEY_WOW64_64KEY
            with (
                suppress(OSError),
                winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path, 0, access) as key,
            ):
                value = winreg.QueryValueEx(key, setting.name)[0]
                values[setting.key.lower(), setting.name.lower()] = value
    return values
