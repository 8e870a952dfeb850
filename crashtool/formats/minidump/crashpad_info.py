"""What a Crashpad client left in its dump: report id, client id, and annotations of every kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from crashtool.errors import MalformedFile
from crashtool.formats.minidump.dump_source import AnyRecord, DumpSource, Location
from crashtool.formats.minidump.structs import (
    AnnotationRecord,
    Count,
    CrashpadInfoRecord,
    CrashpadInfoTail,
    LocationRecord,
    ModuleCrashpadInfo,
    ModuleLink,
    Rva,
    StringPair,
)
from crashtool.formats.named_tuple import NamedTuple

STRING_ANNOTATION = 1
"""Annotation::Type::kString (client/annotation.h); 0 is invalid, 0x8000 and up are the client's."""
VERSION = 1
MAX_FAILURES = 100
"""Crashpad's own limits are 64 pairs and 400 objects."""

Value = TypeVar("Value")
Pairs = tuple[tuple[str, str], ...]


class AnnotationObject(NamedTuple):
    """A typed annotation; only type 1 is text, the bytes of others are the client's affair."""

    name: str
    type: int
    value: bytes

    @property
    def text(self) -> str | None:
        """The value of a string annotation; None for other types."""
        if self.type != STRING_ANNOTATION:
            return None
        return self.value.decode("utf-8", "replace")


class ModuleAnnotations(NamedTuple):
    """What one module left; `module_index` counts in the dump's module list."""

    module_index: int
    list_annotations: tuple[str, ...]
    simple_annotations: Pairs
    objects: tuple[AnnotationObject, ...]


class StoredPair(NamedTuple):
    """An annotation of the process and where its texts are, for who writes the list anew."""

    key: str
    value: str
    record: StringPair


class CrashpadInfo(NamedTuple):
    """The stream that Crashpad adds. `annotations` are the process's, in file order.

    `address_mask` has the bits that are no part of an address (ARM64: pointer authentication and
    tags); 0 for none.
    """

    version: int
    report_id: UUID
    client_id: UUID
    annotations: Pairs
    modules: tuple[ModuleAnnotations, ...]
    address_mask: int


def read_crashpad_info(source: DumpSource, location: Location) -> CrashpadInfo:
    """CrashpadInfo, stream 0x43500001, of 52 or 64 bytes; MalformedFile when it is shorter.

    Damage further inside costs the annotations that it touches, and is noted.
    """
    source.check_inside(CrashpadInfoRecord.SIZE, location, "CrashpadInfo")
    record = CrashpadInfoRecord.read(source.data, location.rva)
    if record.version != VERSION:
        source.note(f"CrashpadInfo: version {record.version}, not {VERSION}", location.rva)
    mask = 0
    if location.size >= CrashpadInfoRecord.SIZE + CrashpadInfoTail.SIZE:
        tail = CrashpadInfoTail.read(source.data, location.rva + CrashpadInfoRecord.SIZE)
        mask = tail.address_mask
    annotations = Location(record.simple_annotations_size, record.simple_annotations_rva)
    modules = Location(record.module_list_size, record.module_list_rva)
    return CrashpadInfo(
        version=record.version,
        report_id=UUID(bytes_le=record.report_id),
        client_id=UUID(bytes_le=record.client_id),
        annotations=_find_pairs(source, annotations, "annotations"),
        modules=_find_modules(source, modules),
        address_mask=mask,
    )


def read_stored_pairs(source: DumpSource, location: Location) -> tuple[StoredPair, ...]:
    """The process's annotations in a CrashpadInfo stream, in file order, with their places.

    MalformedFile and notes as `read_crashpad_info`.
    """
    source.check_inside(CrashpadInfoRecord.SIZE, location, "CrashpadInfo")
    record = CrashpadInfoRecord.read(source.data, location.rva)
    listed = Location(record.simple_annotations_size, record.simple_annotations_rva)
    return _find_stored_pairs(source, listed, "annotations")


def _find_pairs(source: DumpSource, location: Location, what: str) -> Pairs:
    return tuple((pair.key, pair.value) for pair in _find_stored_pairs(source, location, what))


def _find_stored_pairs(source: DumpSource, location: Location, what: str) -> tuple[StoredPair, ...]:
    def read_pair(pair: StringPair) -> StoredPair:
        key, value = source.read_utf8(pair.key_rva, what), source.read_utf8(pair.value_rva, what)
        return StoredPair(key, value, pair)

    return _find_each(source, StringPair, location, what, read_pair)


def _find_modules(source: DumpSource, location: Location) -> tuple[ModuleAnnotations, ...]:
    def read_module(link: ModuleLink) -> ModuleAnnotations:
        return _read_module(source, link)

    return _find_each(source, ModuleLink, location, "annotated modules", read_module)


def _read_module(source: DumpSource, link: ModuleLink) -> ModuleAnnotations:
    what = "module's annotations"
    location = Location(link.size, link.rva)
    source.check_inside(ModuleCrashpadInfo.SIZE, location, what)
    record = ModuleCrashpadInfo.read(source.data, location.rva)
    objects: tuple[AnnotationObject, ...] = ()
    if location.size >= ModuleCrashpadInfo.SIZE + LocationRecord.SIZE:
        last = Location(*LocationRecord.read(source.data, location.rva + ModuleCrashpadInfo.SIZE))
        objects = _find_objects(source, last)
    texts = Location(record.list_annotations_size, record.list_annotations_rva)
    pairs = Location(record.simple_annotations_size, record.simple_annotations_rva)
    return ModuleAnnotations(
        module_index=link.module_index,
        list_annotations=_find_texts(source, texts),
        simple_annotations=_find_pairs(source, pairs, "simple annotations"),
        objects=objects,
    )


def _find_texts(source: DumpSource, location: Location) -> tuple[str, ...]:
    def read_text(reference: Rva) -> str:
        return source.read_utf8(reference.rva, "list annotation")

    return _find_each(source, Rva, location, "list annotations", read_text)


def _find_objects(source: DumpSource, location: Location) -> tuple[AnnotationObject, ...]:
    def read_object(record: AnnotationRecord) -> AnnotationObject:
        name = source.read_utf8(record.name_rva, "annotation's name")
        return AnnotationObject(name, record.type, _read_byte_array(source, record.value_rva))

    return _find_each(source, AnnotationRecord, location, "annotation objects", read_object)


def _read_byte_array(source: DumpSource, rva: int) -> bytes:
    """A MinidumpByteArray: its length, and as many bytes."""
    if not rva:
        return b""
    source.check_inside(Count.SIZE, Location(Count.SIZE, rva), "annotation's value")
    offset = Location(Count.read(source.data, rva).entry_count, rva + Count.SIZE)
    value = source.read_bytes(offset, "annotation's value")
    source.remember_text(offset)
    return value


def _find_each(
    source: DumpSource,
    kind: type[AnyRecord],
    location: Location,
    what: str,
    read: Callable[[AnyRecord], Value],
) -> tuple[Value, ...]:
    """What `read` makes of each entry of a list, without those it cannot read, which are noted.

    An absent list is empty. One of which much cannot be read is no list, and is given up.
    """
    values: list[Value] = []
    failures = 0
    if not location.rva or not location.size:
        return ()
    try:
        rows = source.read_list(kind, location, what)
    except MalformedFile as error:
        source.note_error(error)
        return ()
    for entry in rows:
        try:
            values.append(read(entry))
        except MalformedFile as error:
            source.note_error(error)
            failures += 1
            if failures == MAX_FAILURES:
                source.note(f"{what}: given up after {failures} that cannot be read", location.rva)
                break
    return tuple(values)
