"""Variables as text, as parts of the JSON document, and as a part of the web page."""

import json

import pytest

from crashtool.model.crash import BadPointer, Frame, InlineFrame, Thread
from crashtool.model.variables import FrameVariable, Value
from crashtool.render.crash_words import format_bad_pointer
from crashtool.render.html import render_html
from crashtool.render.html_stack import render_stack
from crashtool.render.page import Page
from crashtool.render.report import brief_line, render_report
from crashtool.render.stack import add_frames
from crashtool.render.variables import format_type, format_value
from crashtool.render.variables_json import variable_document
from tests.render.reports import ATTACK, GAME
from tests.render.test_as_json import check, full_report

MESH = Value(
    "Mesh*",
    text="0x7ff0",
    pointee=Value(
        "Mesh",
        children=(
            Value("float*", text="null", name="data"),
            Value("char[8]", "not_in_dump", reason="memory at 0x5000", name="name"),
            Value("int", text="3", name=""),
        ),
        left_out=2,
    ),
)
GONE = Value("double", "optimized_out")
LOST = Value("int", "unknown", reason="rdi of this frame is not known")
VARIABLES = (
    FrameVariable("mesh", "argument", MESH),
    FrameVariable("depth", "argument", LOST),
    FrameVariable("scale", "local", GONE),
    FrameVariable("calls", "static", Value("int", text="4")),
)


def frame_of(variables, **more):
    return Frame(0x400010, "context", GAME, "draw", 0x10, "mesh.cc", 7, variables=variables, **more)


def show(frame, *, verbose=False):
    page = Page()
    add_frames(page, Thread(7, None, (frame,)), "x86_64", verbose=verbose)
    return page.text().splitlines()


def test_a_frame_s_variables_stand_below_it():
    words = "{data = null, name = <not in the dump>, 3, …}"
    assert show(frame_of(VARIABLES))[1:] == [
        f"       mesh = 0x7ff0 -> {words}  Mesh*",
        "       depth = <unknown: rdi of this frame is not known>  int",
        "       calls = 4  int, static",
        "       optimized out: scale",
    ]


def test_a_merged_call_s_variables_stand_below_that():
    call = InlineFrame("bind", "mesh.h", 3, variables=(VARIABLES[3],))
    lines = show(frame_of((VARIABLES[1],), inlines=(call,)))
    assert [line.split()[0] for line in lines] == ["i", "calls", "*", "depth"]


def test_types_alone_where_values_are_not_wanted():
    rows = tuple(row._replace(value=Value(row.value.type), is_read=False) for row in VARIABLES)
    assert show(frame_of(rows))[1:] == [
        "       mesh  Mesh*",
        "       depth  int",
        "       scale  double",
        "       calls  int, static",
    ]
    assert variable_document(rows[0]) == {"name": "mesh", "kind": "argument", "type": "Mesh*"}
    assert "0x7ff0" not in render_stack(Thread(7, None, (frame_of(rows),)), "x86_64")


def test_of_many_the_first_are_shown():
    rows = tuple(FrameVariable(f"v{n}", "local", Value("int", text="1")) for n in range(100))
    lines = show(frame_of(rows))
    assert lines[-1].strip() == "… 76 more variables (--verbose shows all)"
    assert len(lines) == 26
    assert len(show(frame_of(rows), verbose=True)) == 101


def test_a_value_is_one_line_of_bounded_length():
    deep = Value("int", text="1")
    for number in range(50):
        deep = Value("S", children=(deep._replace(name=f"m{number}"),) * 3)
    assert len(format_value(deep)) <= 160
    long = Value("char*", text='"' + "x" * 5000 + '"')
    assert len(format_value(long)) == 160
    assert format_value(long).endswith("…")


def test_a_reference_is_what_it_refers_to():
    value = Value("const int&", text="0x7ff0", pointee=Value("int", text="5"))
    assert format_value(value) == "5"
    lost = Value("const int&", text="0x7ff0", pointee=Value("int", "not_in_dump"))
    assert format_value(lost) == "0x7ff0"


def test_hostile_names_types_and_texts_are_harmless():
    evil = FrameVariable(
        ATTACK,
        "local",
        Value(
            ATTACK,
            text=ATTACK,
            children=(
                Value(ATTACK, text=ATTACK, name=ATTACK),
                Value("int", "unknown", reason=ATTACK),
            ),
            pointee=Value(ATTACK, text=ATTACK),
        ),
    )
    for line in show(frame_of((evil,))):
        assert "\x1b" not in line
        assert "\u202e" not in line
        assert not line.lstrip().startswith("::")
    page = render_stack(Thread(7, None, (frame_of((evil,)),)), "x86_64")
    assert "<script" not in page
    assert "<img" not in page
    assert page.count("<details") == page.count("</details>")


def test_the_web_page_folds_them():
    page = render_stack(Thread(7, None, (frame_of(VARIABLES),)), "x86_64")
    assert '<details class="variables"><summary>4 variables</summary>' in page
    assert "not in the dump: memory at 0x5000" in page
    assert "… 2 more" in page


def test_the_document_has_what_there_is_to_say():
    assert variable_document(VARIABLES[0]) == {
        "name": "mesh",
        "kind": "argument",
        "type": "Mesh*",
        "state": "value",
        "value": "0x7ff0",
        "points_to": {
            "type": "Mesh",
            "state": "value",
            "left_out": 2,
            "members": [
                {"name": "data", "type": "float*", "state": "value", "value": "null"},
                {
                    "name": "name",
                    "type": "char[8]",
                    "state": "not_in_dump",
                    "reason": "memory at 0x5000",
                },
                {"type": "int", "state": "value", "value": "3"},
            ],
        },
    }
    assert variable_document(VARIABLES[2]) == {
        "name": "scale",
        "kind": "local",
        "type": "double",
        "state": "optimized_out",
    }


def test_a_report_with_variables_keeps_the_schema_and_one_without_has_no_word_of_them():
    report = full_report()
    assert "variables" not in json.dumps(check(report))
    thread = report.crashed_thread
    first = thread.frames[0]
    call = InlineFrame("bind", "mesh.h", 3, variables=VARIABLES)
    first = first._replace(variables=VARIABLES, inlines=(call,))
    threads = list(report.threads)
    threads[report.crashing_thread] = thread._replace(frames=(first, *thread.frames[1:]))
    document = check(report._replace(threads=tuple(threads)))
    frame = document["crashing_thread"]["frames"][0]
    assert [row["name"] for row in frame["variables"]] == ["mesh", "depth", "scale", "calls"]
    assert frame["inlines"][0]["variables"][1]["state"] == "unknown"


def test_types_without_what_libraries_add():
    text = "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >"
    assert format_type(text) == "std::string"
    vector = f"std::vector<{text}, std::allocator<{text} > >"
    assert format_type(vector) == "std::vector<std::string>"
    assert format_type("int (*)[3]") == "int (*)[3]"
    assert format_type("a<b, std::less<") == "a<b"


BAD = BadPointer("reads", "mesh->verts.data[3]", "mesh", 0)


@pytest.mark.parametrize(
    ("pointer", "words"),
    [
        (BAD, "reads mesh->verts.data[3]: mesh is null"),
        (BAD._replace(value=0x41), "reads mesh->verts.data[3]: mesh is 0x41"),
        (
            BadPointer("writes", "*p", "p", 0xDD, "looks like freed memory"),
            "writes *p: p is 0xdd (looks like freed memory)",
        ),
        (
            BadPointer("reads", "node.id", "node", 0, is_reference=True),
            "reads node.id: node refers to null",
        ),
        (BadPointer("calls", "ops->draw", "ops->draw", 0), "calls ops->draw, which is null"),
    ],
)
def test_the_variable_that_led_to_the_crash_in_words(pointer, words):
    assert format_bad_pointer(pointer) == words


def test_it_stands_in_each_form_of_the_report():
    report = full_report()
    assert "(mesh is null)" in brief_line(report)
    assert "reads mesh-&gt;verts.data[3]: mesh is null" in render_html([report])
    assert check(report)["crash_info"]["bad_pointer"] == {
        "does": "reads",
        "target": "mesh->verts.data[3]",
        "pointer": "mesh",
        "value": "0x0000000000000000",
        "note": None,
        "is_reference": False,
    }


def test_who_counts_secrets_hears_that_values_are_shown():
    report = full_report()
    thread = report.crashed_thread
    frame = thread.frames[0]._replace(variables=VARIABLES)
    threads = tuple(
        row._replace(frames=(frame, *row.frames[1:])) if row is thread else row
        for row in report.threads
    )
    told = report._replace(threads=threads, secrets=())
    words = "values of variables are shown with the stack: --no-values leaves them out"
    assert words in render_report(told).text()
    assert words in render_html([told])
    types = tuple(row._replace(is_read=False) for row in VARIABLES)
    frame = frame._replace(variables=types)
    threads = tuple(
        row._replace(frames=(frame, *row.frames[1:])) if row is thread else row
        for row in report.threads
    )
    untold = told._replace(threads=threads)
    assert words not in render_report(untold).text()
    assert words not in render_html([untold])
    assert words not in render_report(told._replace(secrets=None)).text()


def test_very_long_and_hostile_texts_are_cut_in_each_form():
    text = '"' + ATTACK * 1000 + '"'
    row = FrameVariable(ATTACK * 100, "local", Value(ATTACK * 100, text=text))
    lines = show(frame_of((row,)))
    assert len(lines) == 2
    assert len(lines[1]) < 1000
    assert not set("\x1b\u202e\n") & set(lines[1])
    page = render_stack(Thread(7, None, (frame_of((row,)),)), "x86_64")
    assert not set("\x1b\u202e") & set(page)
    assert "<script" not in page
    document = json.dumps(variable_document(row))
    assert document.isascii()  # escaped, so that a terminal takes no orders from it
