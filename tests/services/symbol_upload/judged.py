"""Judging single debug files, as a line of a table: kind, identifiers, grades, defects."""

from pathlib import Path

from crashtool.services.files.scratch import Scratch
from crashtool.services.symbol_upload.collect import SymbolFileSearch
from crashtool.services.symbol_upload.defects import find_defects
from crashtool.services.symbol_upload.quality import grade_files


def assess_file(path: Path) -> tuple[str, str, str, str]:
    """(kind, identifiers, grades, defects) of a file that is given alone; "-" for none.

    A file that is not a debug file, or cannot be used, is of the kind "refused", with the reason.
    """
    with Scratch() as scratch:
        found = SymbolFileSearch(scratch).collect([str(path)])
        files = grade_files(found.files)
        if not files:
            reasons = [row.reason for row in (*found.refused, *found.ignored)]
            return "refused", "-", "-", reasons[0] if reasons else "-"
        rules = sorted({defect.rule for defect in find_defects(files)})
    objects = [row for file in files for row in file.objects]
    return (
        " ".join(dict.fromkeys(row.kind for row in objects)),
        " ".join(row.debug_id.breakpad if row.debug_id else "-" for row in objects),
        " / ".join(quality.grade for file in files for quality in file.qualities),
        " ".join(rules) or "-",
    )
