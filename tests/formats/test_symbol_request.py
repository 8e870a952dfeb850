"""What debuggers ask for, in every convention; and what is no such question."""

import pytest

from crashtool.formats.symbol_request import SymbolRequest, parse_symbol_request

BUILD_ID = "0123456789abcdef0123456789abcdef01234567"
GUID = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"buildid/{BUILD_ID}/executable", ("elf", "executable", BUILD_ID, "")),
        (f"buildid/{BUILD_ID.upper()}/debuginfo", ("elf", "debug", BUILD_ID, "")),
        (f"buildid/{BUILD_ID}/source/srv/Build/a.c", ("elf", "source", BUILD_ID, "/srv/Build/a.c")),
        (f".build-id/01/{BUILD_ID[2:]}.debug", ("elf", "debug", BUILD_ID, "")),
        (f".build-id/01/{BUILD_ID[2:]}", ("elf", "executable", BUILD_ID, "")),
        (f"libc.so.6/elf-buildid-{BUILD_ID}/libc.so.6", ("elf", "executable", BUILD_ID, "")),
        (f"_.debug/elf-buildid-sym-{BUILD_ID}/_.debug", ("elf", "debug", BUILD_ID, "")),
        (f"_.dwarf/mach-uuid-sym-{GUID}/_.dwarf", ("macho", "debug", GUID, "")),
        (f"Game/mach-uuid-{GUID}/Game", ("macho", "executable", GUID, "")),
        (f"Game.pdb/{GUID.upper()}1a/Game.PDB", ("pdb", "debug", f"{GUID}1a", "")),
        (f"ga/Game.pdb/{GUID}1/Game.pdb", ("pdb", "debug", f"{GUID}1", "")),
        ("game.exe/5F00AA001000/game.exe", ("pe", "executable", "5f00aa001000", "game.exe")),
        (f"Game.pdb/{GUID}1/Game.sym", ("sym", "debug", f"{GUID}1", "game.pdb")),
        (f"try/game/{GUID}0/game.sym", ("sym", "debug", f"{GUID}0", "game")),
        ("game.exe/5F00AA001000/game.sym", ("sym", "debug", "5f00aa001000", "game.exe")),
    ],
)
def test_every_convention(path, expected):
    assert parse_symbol_request(path) == SymbolRequest(*expected)


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "a/b/c", "index2.txt", "pingme.txt", "buildid", "buildid/xyz/executable",
        f"buildid/{BUILD_ID}", f"buildid/{BUILD_ID}/else", f"buildid/{BUILD_ID}/source",
        f"buildid/{BUILD_ID}/executable/more", f"game.pd_/{GUID}1/game.pd_",
        f"game.pdb/{GUID}1/file.ptr", f"game.pdb/{GUID}1/other.pdb", "buildid//executable",
        f"xx/game.pdb/{GUID}1/game.pdb", "\0/a/b", "a/" * 3000,
    ],
)  # fmt: skip
def test_everything_else_is_no_question(path):
    assert parse_symbol_request(path) is None
