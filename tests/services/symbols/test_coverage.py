import pytest

from crashtool.services.symbols.coverage import Coverage, assess, needs_tables

NAMED = Coverage(has_names=True)
LINED = Coverage(has_names=True, has_lines=True)

GAPS = [
    (Coverage(has_id=False, has_files=False), "no_id"),
    (Coverage(has_files=False), "missing"),
    (Coverage(has_files=False, has_lines=True), "missing"),
    (Coverage(), "stripped"),
    (Coverage(is_unwound=False), "stripped"),
    (NAMED, "no_lines"),
    (NAMED._replace(is_unwound=False), "no_lines"),
    (LINED._replace(is_unwound=False), "no_unwind"),
    (Coverage(has_lines=True), "ok"),
    (LINED, "ok"),
    (LINED._replace(has_id=False), "ok"),  # the user has said which file it is
]


@pytest.mark.parametrize(("coverage", "gap"), GAPS)
def test_the_first_thing_that_is_missing_is_told(coverage, gap):
    assert assess(coverage) == gap


@pytest.mark.parametrize(
    ("kind", "architecture", "needed"),
    [
        ("pe", "x86_64", True),
        ("pe", "arm64", True),
        ("pe", "x86", False),  # its frame data is in the PDB
        ("macho", "arm64", False),
        ("macho", "x86_64", True),
        ("elf", "arm64", True),
        ("elf", "x86", True),
    ],
)
def test_tables_are_needed_where_frame_pointers_are_no_rule(kind, architecture, needed):
    assert needs_tables(kind, architecture) is needed
