import pytest

from crashtool.formats.identifiers import DebugId
from crashtool.formats.symbol_store import CONVENTIONS, ModuleIds, compress_path, store_name

WINDOWS = ModuleIds(
    "Game.exe",
    "5cab1e0012000",
    "Game.pdb",
    DebugId.parse("030201000504070608090A0B0C0D0E0F1"),
    "windows",
)
BUILD_ID = "93ac61ec5a8eb1396f9fbd350e3169a558528a40"
LINUX = ModuleIds(
    "libc.so.6", BUILD_ID, "libc.so.6", DebugId.parse("EC61AC938E5A39B16F9FBD350E3169A50"), "linux"
)
UUID = "0123456789abcdef0123456789abcdef"
MACOS = ModuleIds("dyld", UUID, "dyld", DebugId.parse(UUID.upper() + "0"), "macos")


@pytest.mark.parametrize(
    ("name", "ids", "paths"),
    [
        ("breakpad", WINDOWS, ["Game.pdb/030201000504070608090A0B0C0D0E0F1/Game.sym"]),
        ("breakpad", LINUX, ["libc.so.6/EC61AC938E5A39B16F9FBD350E3169A50/libc.so.6.sym"]),
        (
            "symstore",
            WINDOWS,
            [
                "Game.pdb/030201000504070608090A0B0C0D0E0F1/Game.pdb",
                "Game.exe/5CAB1E0012000/Game.exe",
            ],
        ),
        ("symstore", LINUX, []),
        (
            "ssqp",
            LINUX,
            [
                f"_.debug/elf-buildid-sym-{BUILD_ID}/_.debug",
                f"libc.so.6/elf-buildid-{BUILD_ID}/libc.so.6",
            ],
        ),
        ("ssqp", MACOS, [f"_.dwarf/mach-uuid-sym-{UUID}/_.dwarf", f"dyld/mach-uuid-{UUID}/dyld"]),
        (
            "ssqp",
            WINDOWS,
            [
                "game.pdb/030201000504070608090a0b0c0d0e0f1/game.pdb",
                "game.exe/5cab1e0012000/game.exe",
            ],
        ),
        (
            "debuginfod",
            LINUX,
            [f"buildid/{BUILD_ID}/debuginfo", f"buildid/{BUILD_ID}/executable"],
        ),
        ("debuginfod", WINDOWS, []),
        ("debuginfod", MACOS, []),
        (
            "build-id",
            LINUX,
            [f".build-id/93/{BUILD_ID[2:]}.debug", f".build-id/93/{BUILD_ID[2:]}"],
        ),
        ("build-id", WINDOWS, []),
    ],
)
def test_each_convention_has_its_paths(name, ids, paths):
    assert [place.path for place in CONVENTIONS[name].paths(ids)] == paths


@pytest.mark.parametrize("name", CONVENTIONS)
def test_a_module_without_identifiers_is_nowhere(name):
    assert list(CONVENTIONS[name].paths(ModuleIds("game", "", "game"))) == []


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/opt/app/libx.so.1", "libx.so.1"),
        ("C:\\build\\Game.pdb", "Game.pdb"),
        ("a b+c~1.exe", "a b+c~1.exe"),
        ("Größe.exe", "Größe.exe"),
        ("", ""),
        ("/opt/..", ""),
        ("...", ""),
        ("c:game.pdb", ""),
        ("x::file", ""),
        ("a\nb", ""),
        ("a\0b", ""),
        ("x" * 256, ""),
    ],
)
def test_names_that_lead_elsewhere_are_none(path, name):
    assert store_name(path) == name


def test_two_tiers_are_those_of_first_letters():
    assert [place.path for place in CONVENTIONS["symstore2"].paths(WINDOWS)] == [
        f"{place.path[:2].lower()}/{place.path}" for place in CONVENTIONS["symstore"].paths(WINDOWS)
    ]


def test_symstore_s_packed_files_end_in_an_underscore():
    assert compress_path("app.pdb/1/app.pdb") == "app.pdb/1/app.pd_"
