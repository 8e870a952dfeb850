"""handler.protocol, .arguments and .attachments: real handlers, asked or told by their bytes."""

import os
from pathlib import Path

import pytest

from crashtool.model.doctor import NOTE, SKIP, WARNING
from crashtool.services.integration.doctor import handler_talk
from tests.services.integration.doctor.folders import (
    SENTRY_TEXT,
    elf_program,
    examine,
    failures,
    find_finding,
    handler_texts,
    warnings,
    write_program,
)
from tests.toolchain import need_programs, run_tool

HANDLER = "crashpad_handler"
OLD = b"requires NAME=PATH"


def processes_in(folder):
    """The command lines of processes whose program lies in a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        if words.startswith(os.fsencode(folder)):
            found.append(words)
    return found


def test_a_client_of_another_family_loses_every_crash(install, sentry_handler, tmp_path):
    diagnosis = examine(install(sentry_handler))
    assert failures(diagnosis) == {"handler.protocol"}
    finding = find_finding(diagnosis, "handler.protocol")
    assert "4112 bytes" in finding.cause
    assert "every crash is lost after 5 s" in finding.consequence
    assert not processes_in(tmp_path)


def test_upstreams_handler_and_client_understand_each_other(install, upstream_handler, tmp_path):
    diagnosis = examine(install(upstream_handler))
    assert failures(diagnosis) == set()
    assert not processes_in(tmp_path)


def test_sentrys_client_with_upstreams_handler_is_a_warning(install, upstream_handler):
    diagnosis = examine(install(upstream_handler, SENTRY_TEXT))
    assert (failures(diagnosis), warnings(diagnosis)) == (set(), {"handler.protocol"})


def test_a_handler_that_is_not_started_is_told_by_its_texts(install, sentry_handler):
    folder = install(sentry_handler)
    assert failures(examine(folder, may_start=False)) == {"handler.protocol"}


def test_sentrys_older_handlers_are_not_told_by_their_texts(install):
    folder = install(None)
    write_program(folder / HANDLER, elf_program() + handler_texts(b"http-proxy"))
    diagnosis = examine(folder, may_start=False)
    assert failures(diagnosis) == set()
    assert "not asked" in find_finding(diagnosis, "handler.protocol", SKIP).cause


def test_a_program_that_is_its_own_handler_is_never_started(tmp_path):
    need_programs("gcc")
    text = "../client/crashpad_client_linux.cc\\0" + handler_texts().decode().strip("\0")
    (tmp_path / "app.c").write_text(
        f'#include <stdio.h>\nconst char *volatile text = "{text}";\n'
        f'int main(void) {{ return text && fopen("{tmp_path}/started", "w") ? 0 : 1; }}\n'
    )
    run_tool("gcc", "-o", tmp_path / "app", tmp_path / "app.c")
    diagnosis = examine(tmp_path / "app", handler_arguments=("--no-rate-limit",))
    assert {subject.kind for subject in diagnosis.subjects} >= {"program", "handler"}
    assert not (tmp_path / "started").exists()


def test_a_handler_that_answers_nothing_is_ended(tmp_path, monkeypatch):
    need_programs("gcc")
    monkeypatch.setattr(handler_talk, "ANSWER_SECONDS", 0.2)
    text = handler_texts().decode().strip("\0")
    (tmp_path / "silent.c").write_text(
        f'#include <unistd.h>\nconst char *volatile text = "{text}";\n'
        "int main(void) { for (;;) sleep(100); return text != 0; }\n"
    )
    run_tool("gcc", "-o", tmp_path / HANDLER, tmp_path / "silent.c")
    diagnosis = examine(tmp_path / HANDLER)
    assert failures(diagnosis) == {"handler.protocol"}
    assert "does not answer" in find_finding(diagnosis, "handler.protocol").cause
    assert not processes_in(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="needs modes of files")
def test_a_handler_that_others_may_write_is_not_started(healthy):
    (healthy / HANDLER).chmod(0o777)
    diagnosis = examine(healthy, handler_arguments=("--no-rate-limit",))
    assert "others may write it" in find_finding(diagnosis, "handler.arguments", SKIP).cause


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("--bogus", "unrecognized option"),
        ("--annotation=x", "KEY=VALUE"),
        ("--annotation==v", "KEY"),
    ],
)
def test_an_argument_that_the_handler_does_not_know(healthy, argument, words):
    diagnosis = examine(healthy, handler_arguments=("--no-rate-limit", argument))
    assert failures(diagnosis) == {"handler.arguments"}
    finding = find_finding(diagnosis, "handler.arguments")
    assert argument in finding.cause
    assert words in finding.cause
    assert "every crash is lost" in finding.consequence


def test_arguments_that_the_handler_knows(healthy):
    settings = {"annotations": ("prod=Game", "ver=1.4.2", "empty=")}
    diagnosis = examine(healthy, settings=settings, handler_arguments=("--no-rate-limit",))
    assert failures(diagnosis) == set()
    assert not [
        f for f in diagnosis.findings if (f.check, f.verdict) == ("handler.arguments", SKIP)
    ]


def test_an_argument_of_a_handler_that_cannot_run_here(tmp_path, windows_handler):
    path = write_program(tmp_path / "crashpad_handler.exe", windows_handler.read_bytes())
    diagnosis = examine(path, handler_arguments=("--bogus", "--no-rate-limit"))
    assert failures(diagnosis) == {"handler.arguments"}
    assert "--bogus" in find_finding(diagnosis, "handler.arguments").cause
    assert failures(examine(path, handler_arguments=("--no-rate-limit",))) == set()


def test_an_attachment_without_a_name_kills_the_handlers_of_2018(tmp_path):
    path = write_program(tmp_path / HANDLER, elf_program() + handler_texts(OLD, b"attachment"))
    given = {"may_start": False, "without": ("host.", "handler.libraries")}
    diagnosis = examine(path, handler_arguments=("--attachment=/var/log/game.log",), **given)
    assert failures(diagnosis) == {"handler.attachments"}
    assert find_finding(diagnosis, "handler.attachments").fix == (
        "--attachment=attachment_game.log=/var/log/game.log"
    )
    good = ("--attachment=attachment_log=/var/log/game.log",)
    assert failures(examine(path, handler_arguments=good, **given)) == set()


def test_an_attachment_spelled_for_2018_is_lost_with_others(healthy):
    diagnosis = examine(healthy, handler_arguments=("--attachment=attachment_log=/tmp/game.log",))
    assert (failures(diagnosis), warnings(diagnosis)) == (set(), {"handler.attachments"})
    finding = find_finding(diagnosis, "handler.attachments", WARNING)
    assert finding.fix == "--attachment=/tmp/game.log"
    assert warnings(examine(healthy, handler_arguments=("--attachment=/tmp/game.log",))) == set()


def test_an_attachment_with_a_name_of_its_own_is_a_note(healthy):
    diagnosis = examine(healthy, settings={"attachments": ("notes=/tmp/game.log",)})
    assert "arrives as game.log" in find_finding(diagnosis, "handler.attachments", NOTE).consequence
