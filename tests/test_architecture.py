"""docs/architecture.md says which room each command uses, and in which order; so do the imports."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from crashtool.commands.command_table import COMMANDS

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
ROOMS = {path.parent.name for path in (ROOT / "crashtool/services").glob("*/__init__.py")}
WALKS = ("inspect", "send-dump", "upload-symbols", "serve")


def name_module(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_module(path): path for path in (ROOT / "crashtool").rglob("*.py")}


def imports_of(module):
    """Our modules that a module imports, wherever in it, also for its types alone."""
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module


IMPORTS = {module: set(imports_of(module)) for module in MODULES}


def reach(start, *, within="crashtool."):
    """A module and all that it leads to in one package."""
    seen, waiting = set(), [start]
    while waiting:
        module = waiting.pop()
        if module not in seen and module.startswith(within):
            seen.add(module)
            waiting += IMPORTS[module]
    return seen


def room_of(module):
    parts = module.split(".")
    return parts[2] if parts[:2] == ["crashtool", "services"] and len(parts) > 2 else None


def rooms_of(modules):
    return {room for room in map(room_of, modules) if room}


def rooms_asked_by(modules):
    return rooms_of(set().union(*(IMPORTS[module] for module in modules)))


def read_table(head):
    """The rows of a table, without its head, as texts of cells."""
    table = PAGE.partition(f"| {head} |")[2].partition("\n\n")[0]
    return [[cell.strip(" `") for cell in row.split("|")[1:-1]] for row in table.splitlines()[2:]]


def read_walk(command):
    section = PAGE.partition(f"### {command}\n")[2].partition("\n#")[0]
    return re.findall(r"^[0-9]+\. `([a-z_]+)`: \S", section, re.MULTILINE)


def command_modules(command):
    return reach(f"crashtool.commands.{command.replace('-', '_')}", within="crashtool.commands.")


def test_every_command_has_one_room_which_it_asks():
    rows = dict(read_table("command | room"))
    assert list(rows) == [command for command in COMMANDS if command in rows]
    assert set(COMMANDS) - set(rows) == {"completion"}, "it needs no room"
    for command, room in rows.items():
        assert room in rooms_asked_by(command_modules(command)), command


def test_every_room_is_in_the_table():
    assert {room for room, _ in read_table("room | what lives there")} == ROOMS


def test_nothing_stands_loose_in_services():
    loose = {path.name for path in (ROOT / "crashtool/services").glob("*.py")}
    assert loose == {"__init__.py"}


@pytest.mark.parametrize("command", WALKS)
def test_a_walk_names_the_rooms_that_the_imports_lead_to(command):
    reached = reach(f"crashtool.commands.{command.replace('-', '_')}")
    walk = read_walk(command)
    assert len(walk) == len(set(walk))
    assert set(walk) == rooms_of(reached)


@pytest.mark.parametrize("command", WALKS)
def test_a_walk_is_in_order(command):
    """Each room is asked by the command or by one before it, and asks none of those."""
    asked = rooms_asked_by(command_modules(command))
    walk = read_walk(command)
    for number, room in enumerate(walk):
        own = {module for module in MODULES if room_of(module) == room}
        assert room in asked, f"nobody before it asks {room}"
        assert not rooms_asked_by(own) & set(walk[:number]), f"{room} asks a room before it"
        asked |= rooms_asked_by(own)


def test_each_room_of_the_handler_is_in_the_table_in_the_order_of_the_contract():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (layers,) = [
        contract["layers"]
        for contract in contracts["tool"]["importlinter"]["contracts"]
        if contract.get("containers") == ["crashtool.services.handler"]
    ]
    rooms = [room for layer in layers for room in layer.split(" | ")]
    folder = ROOT / "crashtool/services/handler"
    section = PAGE.split("### The rooms of `handler`")[1].split("\n\n")[2]

    assert re.findall(r"^\| `(\w+)`", section, re.MULTILINE) == rooms
    assert {path.parent.name for path in folder.glob("*/__init__.py")} == set(rooms)
    assert {path.name for path in folder.glob("*.py")} == {"__init__.py"}
