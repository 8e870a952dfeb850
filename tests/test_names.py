"""One name for one thing: what a newcomer searches for leads to one place."""

import ast
from collections import defaultdict
from pathlib import Path

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
