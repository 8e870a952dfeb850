"""Compare what arrived with what was given: each annotation, each attachment, the URL's names."""

from __future__ import annotations

import filecmp
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from crashtool.errors import reason_of
from crashtool.formats.attributes import Attachment, Attribute
from crashtool.formats.crashpad.arguments import HANDLER_KINDS, sent_name
from crashtool.formats.named_tuple import NamedTuple
from crashtool.model.smoke import SmokeCheck

_RESERVED = {
    "guid": "the handler always sends the database's client id as guid",
    "upload_file_minidump": "that is the minidump's own name",
}
_IDENTIFYING = {"prod": "product", "ver": "version"}
_ODD_CHARACTER = re.compile(r"[^A-Za-z0-9_.-]")
_ESCAPES = {"\r": "%0d", "\n": "%0a", '"': "%22", "%": "%25"}
_SHOWN = 60


class Arrival(NamedTuple):
    """What arrived: form fields, files as name and path, the URL's parameters if they are known.

    `place` says in words where this was seen.
    """

    fields: dict[str, str]
    files: tuple[tuple[str, str], ...]
    query: dict[str, str] | None
    place: str


def check_annotations(annotations: Sequence[Attribute], arrival: Arrival) -> Iterator[SmokeCheck]:
    """Whether each has arrived with its exact value, or which rule changed or dropped it."""
    for index, annotation in enumerate(annotations):
        name = f"annotation {annotation.key}"
        key = annotation.key
        got = arrival.fields.get(key, arrival.fields.get(_escape(key)))
        if got == annotation.value and key not in _RESERVED:
            yield SmokeCheck(name, passed=True, detail=f"{_short(got)} {arrival.place}")
            continue
        file_has_name = key in [file for file, _ in arrival.files]
        later = [other.value for other in annotations[index + 1 :] if other.key == key]
        reason = _RESERVED.get(key, "the key is given twice: the last one wins" if later else "")
        if got is None and file_has_name and key not in _RESERVED:
            reason = "an attachment of the same name replaces it"
        seen = "did not arrive" if got is None else f"arrived as {_short(got)}"
        detail = f"{_short(annotation.value)} {seen}" + (f": {reason}" if reason else "")
        yield SmokeCheck(
            name, passed=False, detail=detail, hint="use another key" if reason else ""
        )


def check_attachments(
    attachments: Sequence[Attachment], kind: str, arrival: Arrival
) -> Iterator[SmokeCheck]:
    """Whether each has arrived byte for byte, under which name, or why it was dropped."""
    left = list(arrival.files)
    for attachment in attachments:
        name = f"attachment {attachment.path.rpartition('/')[2] or attachment.path}"
        if problem := _problem_at_home(attachment):
            yield SmokeCheck(name, False, problem, "the handler skips it and only logs that")
            continue
        wanted = sent_name(attachment, kind)
        same = [file for file in left if _same_content(Path(file[1]), Path(attachment.path))]
        arrived = next((file for file in same if file[0] == wanted), same[0] if same else None)
        if arrived is None:
            yield SmokeCheck(name, False, *_why_lost(wanted, kind, arrival))
            continue
        left.remove(arrived)
        size = f"{Path(attachment.path).stat().st_size:,} bytes {arrival.place}"
        renamed = f", as {arrived[0]}: the handler renames it" if arrived[0] != wanted else ""
        yield SmokeCheck(name, passed=True, detail=size + renamed)


def check_identification(
    annotations: Sequence[Attribute], arrival: Arrival
) -> Iterator[SmokeCheck]:
    """Whether the URL named product and version, where prod and ver are given."""
    if arrival.query is None:
        return
    given = {annotation.key: annotation.value for annotation in annotations}
    for key, parameter in _IDENTIFYING.items():
        if key in given:
            got = arrival.query.get(parameter)
            yield SmokeCheck(
                f"{parameter} in the URL",
                passed=got == given[key],
                detail=f"{parameter}={got}" if got is not None else f"no {parameter}= in the URL",
                hint="--no-identify-client-via-url, or a '#' in the URL, keeps it out",
            )


def _problem_at_home(attachment: Attachment) -> str | None:
    path = Path(attachment.path)
    if not path.exists():
        return f"{path} does not exist"
    if path.is_dir():
        return f"{path} is a folder; the handler sends 0 bytes for one"
    try:
        with path.open("rb"):
            return None
    except OSError as error:
        return f"{path} cannot be read: {reason_of(error)}"


def _why_lost(wanted: str, kind: str, arrival: Arrival) -> tuple[str, str]:
    """The detail and the hint for an attachment that did not arrive as it is."""
    if not HANDLER_KINDS[kind].renames_attachments and _ODD_CHARACTER.search(wanted):
        rule = "this handler drops names with characters outside A-Z a-z 0-9 _ . -"
        return f"did not arrive: {rule}", "rename the file"
    if wanted in [name for name, _ in arrival.files]:
        return (
            "another file arrived under this name",
            "give attachments different base names; one that grows is read at the crash",
        )
    return "did not arrive", "see what the handler said"


def _same_content(one: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False


def _escape(key: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in key)


def _short(value: str) -> str:
    return repr(value if len(value) <= _SHOWN else value[:_SHOWN] + "…")
