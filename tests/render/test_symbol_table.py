from crashtool.errors import NothingFound
from crashtool.formats.object_file.identify import read_object_files
from crashtool.model.symbol_upload import (
    FAILED,
    Collection,
    Defect,
    Delivery,
    GateRow,
    LeftOut,
    Pair,
    Quality,
    Survey,
    SymbolFile,
)
from crashtool.render.symbol_table import (
    outcome_document,
    render_deliveries,
    render_survey,
)
from crashtool.services.symbol_upload.inventory import Inventory, find_pairs
from tests.synth.object_files import build_pe, full_elf
from tests.synth.pdb import build_pdb


def symbol_file(name, content):
    objects = read_object_files(content)
    return SymbolFile(
        name,
        name,
        name,
        len(content),
        objects,
        qualities=tuple(Quality(2, lines=True) for _ in objects),
    )


def test_the_table_has_a_row_for_each_object_and_hostile_names_are_harmless():
    collection = Collection((symbol_file("a\x1b[31m", full_elf()), symbol_file("b", build_pdb())))

    text = render_survey(Survey(collection)).text()

    assert "\x1b" not in text
    assert [line.split()[0] for line in text.splitlines()] == ["MODULE", "a\\x1b[31m", "b"]


def test_defects_are_grouped_by_rule_and_sentence():
    rows = [Defect("no-build-id", f"f{index}", "no build id", "link anew") for index in range(7)]

    text = render_survey(Survey(Collection(), tuple(rows))).text()

    assert text.count("no-build-id") == text.count("link anew") == 1
    assert "f0, f1, f2, f3, f4 and 2 more: no build id" in text


def test_what_was_left_out_is_counted_and_on_request_listed():
    ignored = (LeftOut("x", "a text"), LeftOut("y", "a text"), LeftOut("z", "a picture"))
    collection = Collection((), ignored, (LeftOut("w", "broken", "mend it"),))

    short = render_survey(Survey(collection)).text()
    long = render_survey(Survey(collection), all_ignored=True).text()

    assert "left out: 2 a text; 1 a picture" in short
    assert "failed  w: broken\n        mend it" in short
    assert "  z  a picture" in long


def test_a_failed_delivery_says_why_and_what_to_do():
    row = Delivery(
        "a.zip", FAILED, ("x",), 5, reason="no route", hint="plug it in", error="network"
    )

    text = render_deliveries([row]).text()

    assert "failed  a.zip  1 file  5 bytes" in text
    assert "a.zip: no route\n  plug it in" in text
    assert "no route" not in render_deliveries([row], ["no route"]).text()


def test_the_document_holds_the_error_with_its_hint():
    document = outcome_document(Survey(Collection()), (), NothingFound("nothing", hint="look"))

    assert document["error"] == {
        "code": "nothing_found",
        "message": "nothing",
        "exit_status": 3,
        "hint": "look",
    }
    assert "error" not in outcome_document(Survey(Collection()), (), None)


def test_the_gate_counts_what_is_well_and_names_the_rest():
    rows = (
        GateRow("a.so", "dist/a.so", "x86_64", "1" * 33, "ok"),
        GateRow("b\x1b.so", "dist/b.so", "x86_64", "", "no_id", "no identifier", "link anew"),
        GateRow("c.so", "dist/c.so", "arm64", "2" * 33, "not_required"),
    )
    text = render_survey(Survey(Collection(), gate=rows)).text()
    assert "1 of 2 modules can be symbolicated, 1 not required" in text
    assert "no id" in text
    assert "fix: link anew" in text
    assert "a.so" not in text
    assert "\x1b" not in text


def graded(path, content, quality):
    (row,) = read_object_files(content)
    name = path.rpartition("/")[2]
    return SymbolFile(path, path, name, 1000, (row,), qualities=(quality,))


def test_a_program_and_its_pdb_are_one_row_worth_what_they_give_together():
    files = (
        graded("out/bin/app.exe", build_pe(), Quality(unwind=True)),
        graded("out/bin/app.pdb", build_pdb(), Quality(7, lines=True, inlines=True)),
        graded("out/pdb/lone.pdb", build_pdb(guid=bytes(range(16))), Quality(7, lines=True)),
    )
    survey = Survey(Collection(files), pairs=find_pairs(Inventory(files)))

    lines = render_survey(survey).text().splitlines()

    assert len(lines) == 3
    assert lines[1].split()[:5] == ["app.exe", "PE", "executable", "+", "PDB"]
    assert "2 KB" in lines[1]
    assert "full   functions lines inlines unwind" in lines[1]
    assert lines[1].endswith("  out/bin/app.exe, app.pdb")
    assert lines[2].startswith("lone.pdb")


def test_parts_in_other_folders_are_shown_with_their_paths():
    files = (
        graded("bin/app", full_elf(), Quality(unwind=True)),
        graded("debug/app.debug", full_elf(), Quality(7, lines=True)),
    )
    pair = Pair("bin/app", "debug/app.debug", "elf", files[0].objects[0].debug_id.breakpad)

    text = render_survey(Survey(Collection(files), pairs=(pair,))).text()

    assert "bin/app, debug/app.debug" in text
    assert len(text.splitlines()) == 2


def test_a_stripped_program_and_the_one_that_was_built_are_one_module():
    files = (
        graded("dist/app", full_elf(), Quality(unwind=True)),
        graded("build/app", full_elf(), Quality(7, lines=True, unwind=True)),
        graded("other/app", full_elf(build_id=bytes(range(60, 80))), Quality()),
        graded("none/app", full_elf(build_id=None), Quality()),
        graded("none/too", full_elf(build_id=None), Quality()),
    )

    lines = render_survey(Survey(Collection(files))).text().splitlines()

    assert len(lines) == 5
    assert lines[1].endswith("  dist/app, build/app")
