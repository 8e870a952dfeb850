"""A submission: the fields crashpad_handler would send with a minidump, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.formats.minidump.crashpad_info import CrashpadInfo, ModuleAnnotations

MINIDUMP_PART = "upload_file_minidump"
GUID, LIST_ANNOTATIONS = "guid", "list_annotations"
GUID_OVERRIDE = "_backtrace_internal_guid_override"
NIL_GUID = "00000000-0000-0000-0000-000000000000"
STRING_ANNOTATION = 1  # crashpad::Annotation::Type::kString; only these are uploaded
IDENTIFYING = (("prod", "product"), ("ver", "version"), ("guid", "guid"))


class Field(NamedTuple):
    """A form field. Bytes that are not UTF-8 are held as surrogates; `source` is where it is from:
    "client id", "list", "process", "module N", or what the user gave it with.
    """

    name: str
    value: str
    source: str


class Fields(NamedTuple):
    """`sent`, sorted by name as on the wire, and `dropped`: those that lose against an earlier one
    or are reserved.
    """

    sent: tuple[Field, ...]
    dropped: tuple[Field, ...]


def upload_fields(crashpad: CrashpadInfo | None) -> tuple[Field, ...]:
    """The fields that crashpad_handler sends with a dump, sorted by name."""
    return settle_fields(crashpad).sent


def settle_fields(crashpad: CrashpadInfo | None) -> Fields:
    """The form fields for a dump, by the handler's precedence (minidump_to_upload_parameters.cc).

    Process annotations first, then module by module its simple annotations and its string objects:
    the first value of a name wins. The client id always wins `guid`, and the list annotations,
    joined by line feeds, win `list_annotations` where there are any. Backtrace's handler lets an
    annotation set the client id; only its clients know that annotation.
    """
    if crashpad is None:
        return Fields((Field(GUID, NIL_GUID, "client id"),), ())
    modules = sorted(crashpad.modules, key=attrgetter("module_index"))
    annotations = list(_annotations(crashpad, modules))
    override = [field for field in annotations if field.name == GUID_OVERRIDE]
    client_id = Field(GUID, str(crashpad.client_id), "client id")
    fixed = [override[0]._replace(name=GUID) if override else client_id]
    if lines := [line for module in modules for line in module.list_annotations]:
        fixed.append(Field(LIST_ANNOTATIONS, "\n".join(lines), "list"))
    return _first_wins([*fixed, *(field for field in annotations if field not in override)])


def _annotations(crashpad: CrashpadInfo, modules: Sequence[ModuleAnnotations]) -> Iterable[Field]:
    for name, value in crashpad.annotations:
        yield Field(name, value, "process")
    for module in modules:
        source = f"module {module.module_index}"
        for name, value in module.simple_annotations:
            yield Field(name, value, source)
        for item in module.objects:
            if item.type == STRING_ANNOTATION:
                yield Field(item.name, item.value.decode("utf-8", "surrogateescape"), source)


def _first_wins(candidates: Iterable[Field]) -> Fields:
    sent: dict[str, Field] = {}
    dropped = []
    for field in candidates:
        if field.name in sent or field.name == MINIDUMP_PART:
            dropped.append(field)
        else:
            sent[field.name] = field
    return Fields(sort_fields(sent.values()), tuple(dropped))


def sort_fields(fields: Iterable[Field]) -> tuple[Field, ...]:
    """In the order of the names' bytes, as a std::map has them."""
    return tuple(sorted(fields, key=lambda field: to_wire(field.name)))


def override_fields(fields: Fields, winners: Sequence[Field]) -> Fields:
    """The fields with the user's own on top; what they replace is dropped."""
    own = {field.name: field for field in winners}
    kept = [field for field in fields.sent if field.name not in own]
    lost = [field for field in fields.sent if field.name in own]
    return Fields(sort_fields([*kept, *own.values()]), (*fields.dropped, *lost))


def identify_by_url(url: str, fields: Sequence[Field]) -> str:
    """The URL with product, version and guid appended the way the handler does it.

    From `prod`, `ver` and `guid`, those that are there; `?` or `&` by whether the URL has a query
    (crash_report_upload_thread.cc).
    """
    from urllib.parse import quote  # slow to import, and inspect needs the rest of this module

    values = {field.name: field.value for field in fields}
    for name, parameter in IDENTIFYING:
        if name in values:
            separator = "&" if "?" in url else "?"
            url += f"{separator}{parameter}={quote(to_wire(values[name]), safe='')}"
    return url


def to_wire(text: str) -> bytes:
    """The bytes of a name or value as the dump had them."""
    return text.encode("utf-8", "surrogateescape")


class Scrubbed(NamedTuple):
    """What of one kind was overwritten: in how many places, how many bytes.

    `kept`: words among them that stay, because they may be addresses that a walk needs.
    """

    kind: str
    places: int = 0
    size: int = 0
    kept: int = 0


class Receipt(NamedTuple):
    """What came of one input. `status` is "accepted", "skipped", "failed", "not sent" or "checked".

    `size` is in bytes, `seconds` of the tries together, `http_status` that of the last answer.
    `code` and `exit_status` are those of the error, when there was one. `scrubbed` is None when
    nobody asked for it.
    """

    path: str
    status: str
    sha256: str | None = None
    size: int | None = None
    rxid: str | None = None
    http_status: int | None = None
    tries: int = 0
    seconds: float = 0.0
    url: str | None = None
    fields: int = 0
    warnings: tuple[str, ...] = ()
    scrubbed: tuple[Scrubbed, ...] | None = None
    code: str | None = None
    exit_status: int = 0
    error: str | None = None
    hint: str | None = None
    object: str | None = None
    fingerprint: str | None = None
    unique: bool | None = None
