"""What the client left in a Crashpad dump, and which of it the handler would upload."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crashtool.formats.minidump.file import Minidump
from crashtool.model.crash import Annotation
from crashtool.model.module import Module
from crashtool.model.submission import STRING_ANNOTATION, Field, settle_fields

# What Crashpad stores at most, in bytes: client/simple_string_dictionary.h (256 with the NUL),
# Annotation::kValueMaxSize and the annotation message of macOS (client/annotation.h,
# snapshot/mac/mach_o_image_annotations_reader.cc).
MAX_SIMPLE = 255
MAX_OBJECT = 20480
MAX_LIST = 4096


def read_annotations(dump: Minidump, modules: Sequence[Module]) -> tuple[Annotation, ...]:
    """All annotations: the process's, then each module's, in the dump's order."""
    if dump.crashpad is None:
        return ()
    unclaimed = set(settle_fields(dump.crashpad).sent)
    return tuple(_mark_winner(item, unclaimed) for item in _walk_annotations(dump, modules))


def add_form_fields(
    annotations: Sequence[Annotation], fields: Sequence[tuple[str, str]]
) -> tuple[Annotation, ...]:
    """The annotations of a dump that came with a form: what the form says is what was uploaded.

    A field that says the same as the dump is the dump's own.
    """
    said = {(item.name, item.value) for item in annotations if item.wins}
    others = {name: value for name, value in fields if (name, value) not in said}
    own = [item._replace(wins=item.wins and item.name not in others) for item in annotations]
    added = [
        Annotation("form", name, value, size=_size(value), wins=True)
        for name, value in others.items()
    ]
    return (*own, *added)


def _walk_annotations(dump: Minidump, modules: Sequence[Module]) -> Iterator[Annotation]:
    crashpad = dump.crashpad
    assert crashpad is not None  # noqa: S101 (the caller's condition)
    for name, value in crashpad.annotations:
        yield Annotation("process", name, value, size=_size(value))
    for owner in crashpad.modules:
        index = owner.module_index
        module = modules[index].name if index < len(modules) else None
        for text in owner.list_annotations:
            size = _size(text)
            yield Annotation(
                "list", "", text, module, index, size=size, at_limit=size >= MAX_LIST - 1
            )
        for name, value in owner.simple_annotations:
            size = _size(value)
            yield Annotation(
                "simple", name, value, module, index, size=size, at_limit=size >= MAX_SIMPLE
            )
        for item in owner.objects:
            value = item.value.decode("utf-8", "surrogateescape")
            size = len(item.value)
            yield Annotation(
                "object",
                item.name,
                value,
                module,
                index,
                item.type,
                size,
                at_limit=size >= MAX_OBJECT,
            )


def _mark_winner(annotation: Annotation, unclaimed: set[Field]) -> Annotation:
    """The annotation with `wins` set if its field is among those sent; each field wins once."""
    if annotation.kind == "list":
        return annotation._replace(wins=True)
    if annotation.type != STRING_ANNOTATION:
        return annotation
    index = annotation.module_index
    source = "process" if index is None else f"module {index}"
    field = Field(annotation.name, annotation.value, source)
    if field not in unclaimed:
        return annotation
    unclaimed.remove(field)
    return annotation._replace(wins=True)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))
