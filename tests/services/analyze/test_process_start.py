"""How a process was started: in the report, without its secrets, and on each page."""

import json

import pytest

from crashtool.formats.minidump.file import Minidump
from crashtool.render.as_json import crash_document
from crashtool.render.html import render_html
from crashtool.render.report import render_report
from crashtool.services.analyze.assemble_report import analyze
from crashtool.services.analyze.secrets import mask_secrets
from crashtool.services.scrub.scrubber import scrub_dump
from crashtool.services.scrub.secret_spans import parse_wish
from tests.synth.minidump import MinidumpBuilder
from tests.synth.process_parameters import (
    NARROW,
    TEB,
    WIDE,
    add_process_parameters,
    environment_block,
)

TOKEN = "0123456789abcdef" * 4
GITHUB = "ghp_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5"[:36]


def report_of(platform="windows", architecture="x86_64", layout=WIDE, **pieces):
    builder = MinidumpBuilder().add_system(platform, architecture)
    builder.add_thread(7, registers={"rip": 0x1000} if layout is WIDE else {"eip": 0x1000}, teb=TEB)
    return analyze(Minidump(add_process_parameters(builder, layout, **pieces).pack()), "x.dmp")


@pytest.mark.parametrize(("architecture", "layout"), [("x86", NARROW), ("x86_64", WIDE)])
def test_a_report_says_how_its_process_was_started(architecture, layout):
    process = report_of(
        architecture=architecture,
        layout=layout,
        command="app.exe --fast",
        folder="C:\\work\\",
        environment=environment_block("A=1", "SECRET_KEY=hunter2hunter2"),
    ).process

    assert process.command_line == "app.exe --fast"
    assert process.image_path == "C:\\app.exe"
    assert process.current_directory == "C:\\work\\"
    assert process.environment_count == 2


def test_other_systems_have_no_such_memory():
    assert report_of("linux").process.command_line is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"app --token={TOKEN} -v", "app --token=… -v"),
        (f"app {GITHUB} -v", "app … -v"),
        ("app https://user:hunter2@example.com/x", "app https://user:…@example.com/x"),
        ("app --port 80", "app --port 80"),
        ("app 日本", "app 日本"),
        (f"{GITHUB} and {GITHUB}", "… and …"),
    ],
)
def test_what_looks_secret_in_a_command_line_is_an_ellipsis(text, shown):
    masked = mask_secrets(text)

    assert "hunter2" not in masked
    assert GITHUB not in masked
    assert TOKEN[7:] not in masked
    assert masked.replace(TOKEN[:6], "") == shown


def test_no_secret_of_a_command_line_is_in_any_output():
    report = report_of(command=f"app.exe --key {GITHUB}", folder="C:\\work\\")

    texts = (
        render_report(report, verbose=True).text(),
        json.dumps(crash_document(report), ensure_ascii=False),
        render_html([report]),
    )

    for text in texts:
        assert GITHUB not in text
        assert "app.exe --key …" in text


def test_the_page_has_a_line_for_each_and_no_variable():
    report = report_of(
        command="app.exe\x1b[2J --fast",
        image="C:\\app.exe",
        folder="C:\\work\\",
        environment=environment_block("USER=erika"),
    )

    page = render_report(report).text()

    assert "COMMAND    app.exe\\x1b[2J --fast\n" in page
    assert "IMAGE      C:\\app.exe\n" in page
    assert "FOLDER     C:\\work\\\n" in page
    assert "ENV        1 variable, not shown\n" in page
    assert "erika" not in page


def test_an_image_that_the_command_line_names_is_not_said_twice():
    page = render_report(report_of(command='"C:\\App.exe" -v', image="C:\\app.exe")).text()

    assert "IMAGE" not in page


def test_a_long_command_line_is_cut_but_for_verbose():
    report = report_of(command="app.exe " + "x" * 5000)

    assert max(map(len, render_report(report).text().splitlines())) < 300
    assert "x" * 5000 in render_report(report, verbose=True).text()


def test_markup_in_a_command_line_is_text_in_html():
    html = render_html([report_of(command="<script>alert(1)</script>")])

    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_a_command_line_is_scrubbed_as_all_memory_is(tmp_path):
    builder = MinidumpBuilder().add_system("windows", "x86_64")
    builder.add_thread(7, registers={"rip": 0x1000}, teb=TEB)
    add_process_parameters(
        builder,
        command=f"app.exe --key {GITHUB}",
        environment=environment_block("USER=erika", "A=1", "B=2"),
    )
    source, target = tmp_path / "in.dmp", tmp_path / "out.dmp"
    source.write_bytes(builder.pack())

    scrub_dump(source, target, [parse_wish("secrets"), parse_wish("environment")], "in.dmp")

    assert GITHUB.encode("utf-16-le") not in target.read_bytes()
    with Minidump.open(target) as dump:
        process = analyze(dump).process
    assert process.command_line == f"app.exe --key {'x' * len(GITHUB)}"
    assert process.environment_count == 3
