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


IN_ONE_LOOP = {  # a call for each step, of which there are millions, would cost more than it tells
    "formats/dwarf/unit_tree.py _walk",
}


def test_a_function_has_less_than_60_lines():
    long = {
        f"{path.relative_to(PACKAGE).as_posix()} {node.name}"
        for path, tree in parse_modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 >= MAX_LINES
    }

    assert long == IN_ONE_LOOP


TABLES = {  # of a specification: numbers and what they stand for, several in a line
    "formats/dwarf/expressions.py": 2,  # DW_OP_*, and those of GNU for which DWARF 5 has its own
    "formats/dwarf/forms.py": 1,  # sizes of DW_FORM_*
    "formats/dwarf/types.py": 2,  # kinds of DW_TAG_*, and DW_ATE_*
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
