import pytest

from crashtool.errors import NothingFound
from crashtool.formats.object_file.reading import read_object_files
from crashtool.model.symbol_upload import FAILED, Collection, Defect, Delivery, LeftOut, SymbolFile
from crashtool.render.symbol_table import (
    format_size,
    outcome_document,
    render_collection,
    render_deliveries,
)
from tests.synth.object_files import build_pdb, full_elf


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1200, "1.2 kB"), (35_000_000, "35 MB"), (10**16, "10000 TB")],
)
def test_sizes_have_few_digits(size, text):
    assert format_size(size) == text


def symbol_file(name, content):
    return SymbolFile(name, name, name, len(content), read_object_files(content))


def test_the_table_has_a_row_for_each_object_and_hostile_names_are_harmless():
    collection = Collection((symbol_file("a\x1b[31m", full_elf()), symbol_file("b", build_pdb())))

    text = render_collection(collection, ()).text()

    assert "\x1b" not in text
    assert [line.split()[0] for line in text.splitlines()] == ["FILE", "a\\x1b[31m", "b"]


def test_defects_are_grouped_by_rule_and_sentence():
    rows = [Defect("no-build-id", f"f{index}", "no build id", "link anew") for index in range(7)]

    text = render_collection(Collection(), rows).text()

    assert text.count("no-build-id") == text.count("link anew") == 1
    assert "f0, f1, f2, f3, f4 and 2 more: no build id" in text


def test_what_was_left_out_is_counted_and_on_request_listed():
    ignored = (LeftOut("x", "a text"), LeftOut("y", "a text"), LeftOut("z", "a picture"))
    collection = Collection((), ignored, (LeftOut("w", "broken", "mend it"),))

    short = render_collection(collection, ()).text()
    long = render_collection(collection, (), all_ignored=True).text()

    assert "left out: 2 a text; 1 a picture" in short
    assert "failed  w: broken\n        mend it" in short
    assert "  z  a picture" in long


def test_a_failed_delivery_says_why_and_what_to_do():
    row = Delivery(
        "a.zip", FAILED, ("x",), 5, reason="no route", hint="plug it in", error="network"
    )

    text = render_deliveries([row]).text()

    assert "failed  a.zip  1 file  5 B" in text
    assert "a.zip: no route\n  plug it in" in text


def test_the_document_holds_the_error_with_its_hint():
    document = outcome_document(Collection(), (), (), NothingFound("nothing", hint="look"))

    assert document["error"] == {
        "code": "nothing_found",
        "message": "nothing",
        "exit_status": 3,
        "hint": "look",
    }
    assert "error" not in outcome_document(Collection(), (), (), None)
