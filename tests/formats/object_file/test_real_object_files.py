"""Object files that others wrote, against what others say of them."""

import csv
import mmap
import time

import pytest

from crashtool.errors import CrashtoolError
from crashtool.formats import object_kinds
from crashtool.formats.object_file.identify import read_object_files
from tests.toolchain import run_tool

HEADERS_ONLY = ("breakpad-sym.xz", "portable-pdb", "cab", "data", "text")


def read(path):
    with path.open("rb") as file:
        if not path.stat().st_size:
            return read_object_files(b"")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return read_object_files(data)


def rows_of(corpus, category):
    with (corpus / "index.tsv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file, delimiter="\t") if row["category"] == category]


def test_identifiers_of_real_symbol_files_are_those_of_the_index(corpus):
    rows = [row for row in rows_of(corpus, "symbols") if row["format"] not in HEADERS_ONLY]
    assert len(rows) > 100

    for row in rows:
        objects = read(corpus / row["path"])
        ids = [found.debug_id or found.hashed_id for found in objects]
        wanted = [text.upper() for text in row["debug_ids"].split(",") if text]
        shown = [identifier.breakpad.upper() for identifier in ids if identifier]
        if row["format"] in ("pe", "pdb7"):  # the index also lists what Crashpad does not take
            assert shown == wanted[: len(shown)], row["path"]
            assert bool(shown) == bool(wanted), row["path"]
        else:
            assert shown == wanted, row["path"]
        if row["code_id"]:
            assert objects[0].code_id.value == row["code_id"].lower(), row["path"]
        if row["build_id"]:
            assert objects[0].build_id.hex == row["build_id"], row["path"]


def test_hostile_files_give_an_error_or_objects_in_no_time(corpus):
    for row in rows_of(corpus, "hostile-symbols"):
        started = time.perf_counter()
        try:
            objects = read(corpus / row["path"])
        except CrashtoolError as error:
            objects = (error.what,)
        assert objects, row["path"]
        assert time.perf_counter() - started < 2, row["path"]


EXPECTED = {
    "full": ("executable", "symbols lines unwind", ""),
    "no_buildid": ("executable", "symbols lines unwind", ""),
    "g1": ("executable", "symbols lines unwind", ""),
    "nodebug": ("executable", "symbols unwind", ""),
    "stripped_debug": ("executable", "symbols unwind", ""),
    "stripped_all": ("executable", "unwind", ""),
    "debuglink": ("executable", "symbols unwind", ""),
    "full.debug": ("debug", "symbols lines", ""),
    "no_buildid.debug": ("debug", "symbols lines", ""),
    "mini_debuginfo": ("executable", "unwind", "mini-debug"),
    "gz_zlib": ("executable", "symbols lines unwind", ""),
    "gz_zstd": ("executable", "symbols lines unwind", ""),
    "gz_gnu_old": ("executable", "symbols lines unwind", ""),
    "split": ("executable", "symbols lines unwind", "split"),
    "split5": ("executable", "symbols lines unwind", "split"),
    "split.dwp": ("package", "symbols", ""),
    "split5.dwp": ("package", "symbols", ""),
    "split.dwo": ("fragment", "symbols", ""),
    "split.o": ("object", None, None),
    "common.dbg": ("supplement", "symbols lines", ""),
    "dwz_a": ("executable", "symbols lines unwind", ""),
    "dwarf4": ("executable", "symbols lines unwind", ""),
    "dwarf5": ("executable", "symbols lines unwind", ""),
    "lto": ("executable", "symbols lines unwind", ""),
    "types_section": ("executable", "symbols lines unwind", ""),
    "simple_templates": ("executable", "symbols lines unwind", ""),
    "no_ehframe": ("executable", "symbols", ""),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_elf_variants_are_what_they_were_made_to_be(truth, name):
    role, features, traits = EXPECTED[name]

    (found,) = read(truth / "objects" / "elf" / name)

    assert found.role == role
    if features is not None:
        shown = [feature for feature in object_kinds.FEATURES if feature in found.features]
        assert " ".join(shown) == features
        assert " ".join(sorted(found.traits)) == traits


def test_a_pdb_that_a_tool_has_rewritten_says_so(corpus):
    folder = corpus / "google__breakpad/src/tools/windows/dump_syms/testdata"
    (moved,) = read(folder / "omap_stretched.pdb")
    (linked,) = read(folder / "dump_syms_regtest.pdb")

    assert object_kinds.REWRITTEN in moved.traits
    assert object_kinds.REWRITTEN not in linked.traits


def test_pdb_variants_show_their_quality(truth):
    folder = truth / "objects" / "pdb"
    (full,) = read(folder / "full.pdb")
    (aged,) = read(folder / "synthetic_age3.pdb")
    (public,) = read(folder / "public_only.pdb")
    (indexed,) = read(folder / "synthetic_fastlink.pdb")
    (stripped,) = read(folder / "synthetic_stripped_flag.pdb")
    (served,) = read(folder / "srcsrv.pdb")
    (image,) = read(folder / "full.dll")

    assert full.debug_id == image.debug_id
    assert aged.debug_id == full.debug_id._replace(age=3)
    assert public.features == {object_kinds.SYMBOLS}
    assert indexed.traits == {object_kinds.FASTLINK}
    assert stripped.traits == {object_kinds.STRIPPED}
    assert object_kinds.SOURCES in served.features


@pytest.mark.parametrize(
    "flavour", ["msvc-x64", "msvc-x86", "msvc-arm64", "gnu-x64", "gnu-x86", "msvc-x86-fpo"]
)
def test_each_windows_program_has_the_id_of_its_pdb(truth, flavour):
    folder = truth / "windows" / "bin" / flavour
    for name, suffix in (("crasher", "exe"), ("plugin", "dll")):
        (image,) = read(folder / f"{name}.{suffix}")
        (symbols,) = read(folder / f"{name}.pdb")

        assert image.debug_id == symbols.debug_id
        assert image.architecture == symbols.architecture
        assert image.debug_file == f"{name}.pdb"
        assert (object_kinds.UNWIND in symbols.features) == (image.architecture == "x86")


def test_a_dsym_has_the_uuids_of_its_library(truth):
    folder = truth / "objects" / "macho"
    library = read(folder / "libmac.dylib")
    bundle = read(
        folder / "libmac.dylib.dSYM" / "Contents" / "Resources" / "DWARF" / "libmac.dylib"
    )

    assert [row.architecture for row in library] == ["x86_64", "arm64"]
    assert [row.debug_id for row in library] == [row.debug_id for row in bundle]
    assert {row.role for row in bundle} == {object_kinds.DEBUG}


def test_the_build_id_is_the_one_that_readelf_prints(tmp_path):
    source = tmp_path / "app.c"
    source.write_text("int main(void) { return 0; }\n", encoding="utf-8")
    program = tmp_path / "app"
    debug = tmp_path / "app.debug"
    run_tool("gcc", "-g", "-Wl,--build-id=sha1", "-o", program, source)
    run_tool("objcopy", "--only-keep-debug", program, debug)
    notes = run_tool("readelf", "-n", program)
    printed = notes.partition("Build ID: ")[2].split()[0]

    (found,) = read(program)
    (separate,) = read(debug)

    assert found.build_id.hex == printed
    assert found.features == {object_kinds.SYMBOLS, object_kinds.LINES, object_kinds.UNWIND}
    assert separate.build_id == found.build_id
    assert separate.role == object_kinds.DEBUG
