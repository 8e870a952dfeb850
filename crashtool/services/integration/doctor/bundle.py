"""host.sandbox.mac: what signature, entitlements and layout of a macOS bundle do to its handler."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from crashtool.errors import InputUnusable
from crashtool.formats.crashpad.extended_attributes import read_attributes
from crashtool.formats.object_file.macho_signing import CodeSignature, read_signature
from crashtool.formats.object_kinds import MACHO
from crashtool.formats.shell_words import quote_word
from crashtool.model.doctor import HANDLER, PROGRAM, CheckResult, Subject
from crashtool.services.integration.doctor.examination import Examination
from crashtool.services.integration.doctor.facts import read_objects
from crashtool.services.integration.doctor.findings import failure, warning
from crashtool.services.symbols.mapped_file import map_file

SANDBOX = "com.apple.security.app-sandbox"
QUARANTINE = "com.apple.quarantine"
RESOURCES = "Contents/Resources/"


def check_bundle(bundle: Subject, examination: Examination) -> Iterator[CheckResult]:
    """No sandbox; a handler that is signed, where code may lie, and not in quarantine."""
    for subject in _walk_inside(bundle, examination):
        try:
            signature = examination.recall(read_code_signature, subject.path)
        except InputUnusable as error:
            yield warning(
                subject.path, error.what, "macOS may refuse to start it.", _sign(subject.path)
            )
            continue
        if subject.kind == PROGRAM:
            yield from _check_program(subject, signature)
        else:
            yield from _check_handler(subject, bundle, signature)


def _walk_inside(bundle: Subject, examination: Examination) -> Iterator[Subject]:
    root = Path(bundle.path)
    for subject in examination.of_kind(PROGRAM, HANDLER):
        if not Path(subject.path).is_relative_to(root):
            continue
        try:
            objects = examination.recall(read_objects, subject.path)
        except InputUnusable:
            continue  # handler.kind tells of it
        if objects[0].kind == MACHO:
            yield subject


def read_code_signature(path: str) -> CodeSignature | None:
    """The code signature of a Mach-O file; None of an unsigned one."""
    return read_signature(map_file(path))


def _check_program(program: Subject, signature: CodeSignature | None) -> Iterator[CheckResult]:
    if signature and signature.entitlements.get(SANDBOX) is True:
        yield failure(
            program.path,
            f"it is in the App Sandbox ({SANDBOX})",
            "The sandbox denies the handler its Mach service: every crash is lost.",
            "distribute it without the App Sandbox, or report crashes by other means there",
        )


def _check_handler(
    handler: Subject, bundle: Subject, signature: CodeSignature | None
) -> Iterator[CheckResult]:
    inside = Path(handler.path).relative_to(bundle.path).as_posix()
    if inside.startswith(RESOURCES):
        yield warning(
            handler.path,
            "it lies in Contents/Resources, which is not for code",
            "The bundle's signature does not cover it as code: notarization and Gatekeeper may "
            "refuse the app.",
            "put it into Contents/MacOS or Contents/Helpers, and sign the app again",
        )
    if signature is None:
        yield warning(
            handler.path,
            "it is not signed",
            "Apple silicon starts no unsigned code, and notarization refuses the app: every crash "
            "is lost there.",
            _sign(handler.path),
        )
    if QUARANTINE in read_quarantine(handler.path):
        yield warning(
            handler.path,
            "it is in quarantine, as what a browser fetched",
            "Gatekeeper may refuse to start it: every crash is lost.",
            f"xattr -d {QUARANTINE} {quote_word(handler.path)}",
        )


def read_quarantine(path: str) -> frozenset[str]:
    """The names of a file's extended attributes, without the prefix that Linux gives them."""
    return frozenset(name.removeprefix("user.") for name in read_attributes(Path(path)))


def _sign(path: str) -> str:
    words = f"codesign --force --options runtime --timestamp -s IDENTITY {quote_word(path)}"
    return f"{words}, then the app"
