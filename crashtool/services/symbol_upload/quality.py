"""How much each debug file is worth: what can be looked up in it."""

from collections.abc import Sequence

from crashtool.formats.object_file import kinds
from crashtool.formats.object_file.kinds import ObjectFile
from crashtool.model.symbol_upload import Quality, SymbolFile


def grade_files(files: Sequence[SymbolFile]) -> tuple[SymbolFile, ...]:
    """The same files with the qualities of their objects."""
    return tuple(file._replace(qualities=tuple(map(grade_object, file.objects))) for file in files)


def grade_object(row: ObjectFile) -> Quality:
    """What the headers of an object promise."""
    return Quality(
        functions=kinds.SYMBOLS in row.features,
        lines=kinds.LINES in row.features,
        unwind=kinds.UNWIND in row.features,
        sources=kinds.SOURCES in row.features,
    )
