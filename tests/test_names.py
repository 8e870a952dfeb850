"""One name for one thing: what a newcomer searches for leads to one place."""

import ast
from collections import defaultdict
from pathlib import Path

MAX_LINES = 60  # of a function, its docstring with it
PACKAGE = Path(__file__).parent.parent / "crashtool"


def parse_modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def test_no_class_name_stands_for_two_things():
    homes = defaultdict(list)
    for path, tree in parse_modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(f"{path.relative_to(PACKAGE)}:{node.lineno}")

    assert len(homes) > 500
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}


SAME_IDEA = {
    # one idea, read or written in two formats
    "code_records", "frame_data", "lookup", "structs", "variables", "writer",
    # a value, what makes it, and what shows it
    "annotated_dump", "database", "symbol_cache",
    # a command, what it shows, and what it is made of
    "doctor", "make_url", "run", "run_ci", "scaffold", "smoke", "symbols", "triage",
}  # fmt: skip


def test_no_module_name_stands_for_two_ideas():
    """A name that comes twice is one idea in two formats or layers, and is listed as such."""
    homes = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name != "__init__.py":
            homes[path.stem].append(path.relative_to(PACKAGE).as_posix())

    assert {name for name, paths in homes.items() if len(paths) > 1} == SAME_IDEA


def test_a_function_has_less_than_60_lines():
    long = {
        f"{path.relative_to(PACKAGE).as_posix()} {node.name}"
        for path, tree in parse_modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 >= MAX_LINES
    }

    assert long == set()


TABLES = {  # of a specification: numbers and what they stand for, several in a line
    "formats/dwarf/expressions.py": 2,  # DW_OP_*, and those of GNU for which DWARF 5 has its own
    "formats/object_file/elf.py": 1,  # EM_*
    "formats/object_file/pe.py": 1,  # IMAGE_FILE_MACHINE_*
    "formats/pdb/type_names.py": 2,  # types that CodeView numbers, and their sizes
}


def test_only_tables_of_specifications_are_laid_out_by_hand():
    marks = {
        path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8").count("# fmt:")
        for path in sorted(PACKAGE.rglob("*.py"))
    }

    assert {path: count for path, count in marks.items() if count} == TABLES


ROWS = {  # where a row is what the specification, or the page, calls one
    "commands/triage_question": "triage's Row: a minidump in the table of all",
    "commands/triaged": "triage's Row: a minidump in the table of all",
    "formats/dwarf/line_lookup": "of DWARF's line-number table",
    "formats/dwarf/line_sequences": "of DWARF's line-number table",
    "formats/dwarf/lookup": "of DWARF's line-number table",
    "formats/dwarf/package": "of the index of a .dwp, section 7.3.5.3 of DWARF 5",
    "formats/object_file/eh_frame": "of DWARF's table of call frame information",
    "formats/object_file/frame_records": "of DWARF's table of call frame information",
    "formats/pdb/code_records": "of line numbers",
    "model/triage/groups": "triage's Row",
    "model/triage/row": "triage's Row",
    "render/ci": "of a table in Markdown",
    "render/html_parts": "of a table in HTML",
    "render/layout": "of a table on a page",
    "render/page": "of a table on a page",
    "render/run_ci": "RunRow: of the table of crashes",
    "render/stack": "of the table of frames",
    "render/symbol_ci": "CheckRow: of the table of checks",
    "render/symbol_table": "GateRow: of the table of modules",
    "services/receiver/describer": "ReportRow: of the inbox",
    "services/receiver/export": "of a CSV file",
    "services/receiver/inbox": "of SQLite",
    "services/receiver/listing": "of SQLite",
    "services/receiver/pages": "ReportRow: of the inbox",
    "services/receiver/report_rows": "of SQLite",
    "services/receiver/site": "ReportRow: of the inbox",
    "services/symbol_upload/gate": "GateRow: of the table of modules",
    "services/symbol_upload/inspect_files": "GateRow: of the table of modules",
    "services/triage/crash_filter": "triage's Row",
    "services/triage/kept_rows": "triage's Row",
    "services/triage/parquet": "triage's Row",
    "services/triage/read_row": "triage's Row",
}


def list_bound_names(tree):
    """The names that a module gives to values: variables, those of loops, parameters."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


def test_a_variable_is_named_after_what_it_is():
    """`found` and `known` say what happened to a thing; a `row` is one of a table."""
    homes = defaultdict(set)
    for path, tree in parse_modules():
        for name in {"found", "known", "row"}.intersection(list_bound_names(tree)):
            homes[name].add(path.relative_to(PACKAGE).with_suffix("").as_posix())
    fields = homes.pop("found")  # of a JSON document: the files that are of this very build

    assert fields == {"model/symbol_upload"}
    assert homes == {"row": set(ROWS)}
