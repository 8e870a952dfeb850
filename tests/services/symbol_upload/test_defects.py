import pytest

from crashtool.formats.object_file.identify import read_object_files
from crashtool.model.symbol_upload import SymbolFile
from crashtool.services.files.scratch import Scratch
from crashtool.services.symbol_upload.collect import SymbolFileSearch
from crashtool.services.symbol_upload.defects import RULES, find_defects
from crashtool.services.symbol_upload.quality import grade_files
from tests.synth.object_files import build_elf, build_macho, build_pe, build_sym, full_elf, unit
from tests.synth.pdb import build_pdb

CODE = (".text", 1, 6, b"\x90" * 32)
EH = (".eh_frame", 1, 2, b"e" * 24)
SYMTAB = (".symtab", 2, 0, b"s" * 48)
LINK = (".gnu_debuglink", 1, 0, b"app.debug\0\0\0crc!")
LINES = [(".debug_info", 1, 0, unit(4)), (".debug_line", 1, 0, b"l")]
OTHER = bytes(range(60, 80))


def file(name, content):
    base = name.rpartition("/")[2]
    return SymbolFile(name, name, base, len(content), read_object_files(content))


def rules(*files):
    return [defect.rule for defect in find_defects(tuple(file(*row) for row in files))]


PDB, PE = ("app.pdb", build_pdb()), ("app.exe", build_pe())
DWP = build_elf(
    [(".debug_info.dwo", 1, 0, b"x"), (".debug_cu_index", 1, 0, b"x")], file_type=1, build_id=None
)
BARE_SKELETON = [CODE, EH, SYMTAB, (".debug_info", 1, 0, unit(5, 4))]
SKELETON = build_elf([*BARE_SKELETON, (".debug_line", 1, 0, b"l" * 16)])
DEBUG_FILE = build_elf([(".text", 1, 6, 64), *LINES])


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([("app", full_elf())], []),
        ([("app", full_elf(build_id=None))], ["no-build-id"]),
        ([("app", full_elf(build_id=b"\x12\x34"))], ["short-build-id"]),
        ([("app", full_elf(build_id=bytes(range(16))))], []),
        ([("app", build_elf([CODE, EH]))], ["stripped"]),
        ([("app", build_elf([CODE, EH, (".gnu_debugdata", 1, 0, b"x")]))], ["stripped"]),
        ([("app", build_elf([CODE, EH, SYMTAB]))], ["no-lines"]),
        ([("app", build_elf([CODE, EH, SYMTAB])), ("app.debug", DEBUG_FILE)], []),
        ([("app", build_elf([CODE, EH])), ("app.debug", DEBUG_FILE)], []),
        ([("app", build_elf([CODE, EH, LINK]))], ["debug-link"]),
        ([("app", build_elf([CODE, EH, LINK])), ("app.debug", DEBUG_FILE)], []),
        ([("app.debug", DEBUG_FILE)], ["debug-without-program"]),
        ([("app", build_elf([CODE, SYMTAB, *LINES]))], ["no-unwind"]),
        (
            [("app", full_elf(extra=[(".gnu_debugaltlink", 1, 0, b"c.dbg\0i")]))],
            ["alternate-debug"],
        ),
        ([("app", SKELETON)], ["split-dwarf"]),
        ([("app", SKELETON), ("app.dwp", DWP)], ["split-dwarf"]),  # nothing reads the .dwp
        ([("app", build_elf(BARE_SKELETON))], ["split-dwarf", "no-lines"]),
        ([PDB, PE], []),
        ([PDB], ["pdb-without-image"]),
        ([("app.pdb", build_pdb(machine=0x14C))], []),
        ([("app.pdb", build_pdb(dbi_age=2)), PE], ["pdb-age"]),
        ([("app.pdb", build_pdb(guid=OTHER[:16])), PE], ["other-build"]),
        ([("app.pdb", build_pdb(guid=OTHER[:16], machine=0x14C)), PE], []),
        ([("bin/app.pdb", build_pdb(guid=OTHER[:16])), PE], ["pdb-without-image"]),
        (
            [("app.pdb", build_pdb(guid=OTHER[:16])), ("own/app.pdb", PDB[1]), PE],
            ["pdb-without-image"],
        ),
        ([("renamed.pdb", PDB[1]), PE], ["name-pair"]),
        ([PDB, ("Renamed.exe", PE[1])], ["name-pair"]),
        ([("APP.PDB", PDB[1]), ("App.exe", PE[1])], []),
        ([("app.pdb", build_pdb(features=(0x494E494D,))), PE], ["fastlink-pdb"]),
        ([("app.pdb", build_pdb(with_modules=False, public=False)), PE], ["types-pdb"]),
        ([("app.pdb", build_pdb(with_dbi=False)), PE], ["types-pdb"]),
        ([("app.pdb", build_pdb(flags=2, lines=False)), PE], ["stripped-pdb"]),
        ([("app.pdb", build_pdb(lines=False)), PE], ["stripped-pdb"]),
        ([("app.pdb", build_pdb(guid=bytes(16), machine=0x14C))], ["nil-id"]),
        ([("app.exe", build_pe(guid=None))], ["no-codeview"]),
        ([("app.exe", build_pe(guid=bytes(16)))], ["nil-codeview"]),
        ([("app.exe", build_pe(path=""))], ["unnamed-codeview"]),
        ([PE], ["image-without-pdb"]),
        ([PE, ("elsewhere/app.pdb", PDB[1])], []),
        ([PE, ("app.sym", build_sym(lines=("FUNC 0 1 0 f", "FILE 0 a.c")))], ["image-without-pdb"]),
        ([("app.exe", build_pe(unwind=False))], ["image-without-pdb", "no-unwind"]),
        ([("app.exe", build_pe(unwind=False, machine=0x14C))], ["image-without-pdb"]),
        ([("app.dll", build_pe(guid=None, unwind=False, managed=True))], []),
        ([("app", build_macho(uuid=None, sections=("__debug_info", "__debug_line")))], ["no-uuid"]),
        ([("app", build_macho(symbols=0))], ["stripped"]),
        ([("app", build_macho())], ["no-lines"]),
        (
            [
                ("app", build_macho()),
                ("app", build_macho(file_type=10, sections=("__debug_info", "__debug_line"))),
            ],
            [],
        ),
        ([("app.sym", build_sym(lines=("FUNC 0 1 0 f", "FILE 0 a.c")))], []),
        ([("app.sym", build_sym(lines=()))], ["empty-sym"]),
        ([("app.sym", build_sym("0" * 33, lines=("FUNC 0 1 0 f", "FILE 0 a.c")))], ["nil-id"]),
    ],
)
def test_each_defect_is_found_and_nothing_else(files, expected):
    assert rules(*files) == expected


def test_every_rule_has_its_own_name_and_a_fix():
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.fix for rule in RULES)


def test_a_universal_file_is_warned_of_once(truth):
    path = truth / "objects" / "macho" / "libmac_stripped.dylib"
    files = (file(path.name, path.read_bytes()),)

    assert [defect.rule for defect in find_defects(files)] == ["no-lines"]


def test_the_variants_made_to_be_defective_are_found_out(truth):
    expected = {
        "no_buildid": "no-build-id",
        "no_buildid.debug": "no-build-id",
        "short_buildid": "short-build-id",
        "dwz_a": "alternate-debug",
        "nodebug": "no-lines",
        "no_ehframe": "no-unwind",
        "fastlink": "fastlink-pdb",
    }
    with Scratch() as scratch:
        collection = SymbolFileSearch(scratch).collect([str(truth / "objects")])
        found = {(row.path.rpartition("/")[2], row.rule) for row in find_defects(collection.files)}

    for name, rule in expected.items():
        assert any(path.endswith(name) or name in path for path, at in found if at == rule), name
    assert not [row for row in found if row[0] in ("full", "full.dll", "full.pdb", "dwarf5")]


def test_a_rewritten_pdb_is_named_and_read(corpus, tmp_path):
    """Other readers take the addresses of the code as it was linked for those of the program."""
    folder = corpus / "google__breakpad/src/tools/windows/dump_syms/testdata"
    with Scratch() as scratch:
        files = SymbolFileSearch(scratch).collect([str(folder / "omap_stretched.pdb")]).files
        (graded,) = grade_files(files)

    assert "rewritten-pdb" in {row.rule for row in find_defects((graded,))}
    assert [(row.functions, row.lines) for row in graded.qualities] == [(159, True)]


def test_a_file_that_no_reader_opens_is_damaged(corpus, tmp_path):
    fuzzed = corpus / "google__bloaty/tests/testdata/fuzz_corpus"
    with Scratch() as scratch:
        files = SymbolFileSearch(scratch).collect([str(fuzzed)]).files
    graded = grade_files(files)

    found = [row for row in find_defects(graded) if row.rule == "unreadable"]

    assert 0 < len(found) < len(files)
    assert "cannot read" in found[0].sentence
