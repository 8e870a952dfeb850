"""What `scaffold` made, as JSON documents: files, settings, what was found and said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from crashtool.formats.attribute_rules import ERROR
from crashtool.formats.attributes import join_annotations
from crashtool.formats.crashpad.arguments import HANDLER_KINDS, sent_name
from crashtool.formats.crashpad.client.layouts import LAYOUTS, PLATFORMS, WINDOWS, ClientLayout
from crashtool.formats.crashpad.client.releases import RELEASES, Release
from crashtool.formats.redaction import redact_token
from crashtool.model.integration import Integration, WrittenFile
from crashtool.render.integration.obtain import SOURCES


def file_document(name: str, text: str, written: WrittenFile | None) -> dict[str, Any]:
    """The document of a scaffold of one file: the text where it was printed, else where it is."""
    return {
        "scaffold": name,
        "valid": True,
        "files": [] if written is None else [written._asdict()],
        "text": text if written is None else None,
    }


def cpp_document(
    integration: Integration,
    written: Iterable[WrittenFile],
    findings: Iterable[Mapping[str, Any]],
    notes: Iterable[str],
) -> dict[str, Any]:
    """The document of `scaffold cpp`; no `files` where a finding is an error.

    `findings` are those of make-url and annotate, with the same keys as theirs.
    """
    plain = [dict(finding) for finding in findings]
    return {
        "scaffold": "cpp",
        "valid": all(finding["severity"] != ERROR for finding in plain),
        "files": [file._asdict() for file in written],
        "settings": _settings_document(integration),
        "findings": plain,
        "notes": list(notes),
    }


def _settings_document(integration: Integration) -> dict[str, Any]:
    """What the files were made from. The URL is shown without its token, which is in the source."""
    plan = integration.plan
    return {
        "crashpad": _release_document(integration.release),
        "crashpad_dir": integration.crashpad_dir or None,
        "layouts": {platform: layout.name for platform, layout in integration.layouts.items()},
        "name": integration.name,
        "folder_name": integration.folder_name,
        "url": redact_token(integration.url) if integration.url else None,
        "annotations": join_annotations(plan.annotations),
        "attachments": [
            {"name": item.name, "path": item.path, "sent_as": sent_name(item, plan.kind)}
            for item in plan.attachments
        ],
    }


def _release_document(release: Release) -> dict[str, Any]:
    return {
        "fork": release.fork,
        "since": release.since,
        "tags": list(release.tags),
        "cxx": release.cxx,
        "title": release.title,
        "takes_attachments": release.takes_attachments,
    }


def obtain_document(forks: Iterable[str]) -> dict[str, Any]:
    """The document of `scaffold obtain`: forks, in each the ways to have it."""
    return {
        "scaffold": "obtain",
        "forks": [
            {
                "fork": fork,
                "meaning": HANDLER_KINDS[fork].meaning,
                "releases": [_release_document(release) for release in RELEASES[fork]],
                "layouts": [
                    _layout_document(layout) for layout in LAYOUTS.values() if fork in layout.forks
                ],
            }
            for fork in forks
        ],
    }


def _layout_document(layout: ClientLayout) -> dict[str, Any]:
    source = SOURCES[layout.name]
    platforms = [name for name in PLATFORMS if name in layout.platforms]
    return {
        "layout": layout.name,
        "meaning": layout.meaning,
        "source": source.words,
        "commands": list(source.commands),
        "runtimes": layout.runtimes if WINDOWS in platforms else None,
        "platforms": {name: _files_document(layout, name) for name in platforms},
    }


def _files_document(layout: ClientLayout, platform: str) -> dict[str, Any]:
    """Paths in the layout; libraries in link order."""
    libraries = [library for library in layout.libraries if platform in library.platforms]
    suffix = ".exe" if platform == WINDOWS else ""
    return {
        "include_dirs": [
            layout.fill(folder, platform)
            for folder in (*layout.include_dirs, *layout.generated_dirs)
        ],
        "libraries": [
            f"{layout.fill(library.folder, platform)}/{library.file_name(platform)}"
            for library in libraries
        ],
        "handler": layout.fill(layout.handler[platform], platform) + suffix,
    }
