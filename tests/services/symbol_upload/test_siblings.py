import pytest

from crashtool.services.symbol_upload.siblings import find_siblings
from tests.synth.object_files import build_elf, build_macho, build_pe, build_sym, full_elf
from tests.synth.pdb import build_pdb

GUID = bytes(range(16))
LINK = (".gnu_debuglink", 1, 0, b"other.dbg\0\0\0crc!")
DWARF = "Game.dSYM/Contents/Resources/DWARF/Game"


@pytest.fixture
def lay(tmp_path):
    """Writes files of a build by their names."""

    def lay_out(files):
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return lambda *names: sorted(
            path[len(str(tmp_path)) + 1 :].replace("\\", "/")
            for path in find_siblings(tuple(str(tmp_path / name) for name in names))
        )

    return lay_out


@pytest.mark.parametrize(
    ("files", "named", "expected"),
    [
        ({"app.exe": build_pe(), "app.pdb": build_pdb()}, "app.exe", ["app.pdb"]),
        ({"app.exe": build_pe(), "app.pdb": build_pdb()}, "app.pdb", ["app.exe"]),
        ({"game-1.exe": build_pe(), "APP.PDB": build_pdb()}, "game-1.exe", ["APP.PDB"]),
        ({"app.exe": build_pe(), "app.pdb": build_pdb(guid=GUID)}, "app.exe", []),
        ({"app.exe": build_pe(guid=None), "app.pdb": build_pdb()}, "app.exe", []),
        ({"app": build_elf(), "app.debug": full_elf()}, "app", ["app.debug"]),
        ({"app": build_elf(), "app.debug": full_elf()}, "app.debug", ["app"]),
        ({"app": build_elf([LINK]), "other.dbg": full_elf()}, "app", ["other.dbg"]),
        ({"app": build_elf([LINK]), ".debug/other.dbg": full_elf()}, "app", [".debug/other.dbg"]),
        ({"app": build_elf(), "app.debug": b"text", "app.old": b""}, "app", []),
        ({"app": build_elf(), "app.sym": build_sym()}, "app", []),
        ({"Game": build_macho(), DWARF: build_macho()}, "Game", [DWARF]),
        ({"Game": build_macho(), DWARF: build_macho()}, "Game.dSYM", ["Game"]),
        ({"Game": build_macho(), DWARF: build_macho()}, DWARF, ["Game"]),
        ({"bin/app.exe": build_pe(), "bin/app.pdb": build_pdb()}, "bin", []),
        ({"app.exe": build_pe()}, "gone.exe", []),
    ],
)
def test_what_belongs_to_a_named_file_stands_beside_it(lay, files, named, expected):
    assert lay(files)(named) == expected


def test_what_is_named_itself_is_no_sibling(lay):
    find = lay({"app.exe": build_pe(), "app.pdb": build_pdb()})
    assert find("app.exe", "app.pdb") == []


def test_one_sibling_of_two_files_counts_once(lay):
    find = lay({"app.exe": build_pe(), "app.pdb": build_pdb(), "app.pdb.bak": build_pdb()})
    assert find("app.exe", "app.pdb.bak") == ["app.pdb"]
