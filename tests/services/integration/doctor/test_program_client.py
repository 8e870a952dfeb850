"""program.client, .note, .stack, .threads, .static, .symbols: faults of linking, made by gcc."""

import pytest

from crashtool.formats.crashpad.client.linking import NOTE_SYMBOL
from crashtool.model.doctor import NOTE, PASS, WARNING
from tests.services.integration.doctor.folders import (
    elf_program,
    examine,
    failures,
    find_finding,
    macho_program,
    pe_program,
    warnings,
    write_program,
)
from tests.toolchain import need_programs, run_tool

INFO = "daPC"  # the first bytes of a CrashpadInfo: 'CPad', little-endian
SOURCE = r"""
#include <pthread.h>
#include <stdio.h>
const char *volatile file = "../../client/crashpad_client_linux.cc";
const char *volatile info = "daPC";
#ifdef NOTE
__asm__(".pushsection .note.crashpad.info,\"a\",%note\n"
        ".long 9, 8, 0x4f464e49\n .asciz \"Crashpad\"\n .balign 4\n .quad 1\n .popsection\n");
#endif
#ifdef WRAPPER
int pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *), void *with)
{ return 11; }
#endif
static void *run(void *none) { return none; }
int main(void)
{
  pthread_t thread;
  return pthread_create(&thread, 0, run, 0) + puts(file) + puts(info);
}
"""
GOOD = ("-DNOTE", "-DWRAPPER", "-Wl,-z,noexecstack", "-Wl,--build-id")
FAMILY = ("host.", "handler.", "url.", "token.", "annotations.", "database.", "link.", "source.")


@pytest.fixture
def compiled(tmp_path):
    """compiled(*flags) -> the diagnosis of a program that gcc makes with them."""
    need_programs("gcc", "-pthread")
    (tmp_path / "app.c").write_text(SOURCE)

    def make(*flags):
        app = tmp_path / "app"
        run_tool("gcc", "-O1", "-pthread", *flags, "-o", app, tmp_path / "app.c")
        return examine(app, without=FAMILY)

    return make


def verdicts(diagnosis):
    return {finding.check: finding.verdict for finding in diagnosis.findings}


def test_a_program_that_is_linked_well_passes_all(compiled):
    assert set(verdicts(compiled(*GOOD)).values()) == {PASS}


def test_a_program_without_the_note_loses_its_annotations(compiled):
    diagnosis = compiled(*GOOD, "-UNOTE")
    assert failures(diagnosis) == {"program.note"}
    finding = find_finding(diagnosis, "program.note")
    assert "StringAnnotation" in finding.consequence
    assert NOTE_SYMBOL in finding.fix


def test_a_program_without_the_note_and_annotations_loses_nothing(tmp_path):
    write_program(tmp_path / "app", elf_program(anchor=False))
    diagnosis = examine(tmp_path / "app", without=FAMILY)
    assert failures(diagnosis) == set()
    assert find_finding(diagnosis, "program.note", NOTE)


@pytest.mark.parametrize(("texts", "failed"), [((INFO,), {"program.note"}), ((), set())])
def test_the_note_matters_where_there_is_a_crashpad_info(tmp_path, texts, failed):
    write_program(tmp_path / "app", elf_program(*texts, anchor=False))
    assert failures(examine(tmp_path / "app", without=FAMILY)) == failed


def test_an_executable_stack_is_a_warning(compiled):
    diagnosis = compiled(*GOOD, "-Wl,-z,execstack")
    assert (failures(diagnosis), warnings(diagnosis)) == (set(), {"program.stack"})
    assert "noexecstack" in find_finding(diagnosis, "program.stack", WARNING).fix


def test_threads_without_the_wrapper_are_a_note(compiled):
    diagnosis = compiled(*GOOD, "-UWRAPPER")
    assert (failures(diagnosis), warnings(diagnosis)) == (set(), set())
    assert "pthread_create" in find_finding(diagnosis, "program.threads", NOTE).fix


def test_a_static_program_is_a_warning(compiled):
    need_programs("gcc", "-static")
    diagnosis = compiled("-DNOTE", "-static", "-Wl,-z,noexecstack", "-Wl,--build-id")
    assert (failures(diagnosis), warnings(diagnosis)) == (set(), {"program.static"})
    assert "list of modules" in find_finding(diagnosis, "program.static", WARNING).consequence


def test_a_program_without_a_build_id_is_a_warning(compiled):
    diagnosis = compiled(*GOOD, "-Wl,--build-id=none")
    assert warnings(diagnosis) == {"program.symbols"}
    assert "--build-id" in find_finding(diagnosis, "program.symbols", WARNING).fix


def test_programs_of_other_systems_without_an_identifier(tmp_path):
    write_program(tmp_path / "app.exe", pe_program(guid=None))
    write_program(tmp_path / "mac", macho_program(uuid=None))
    write_program(tmp_path / "good.exe", pe_program())
    write_program(tmp_path / "good", macho_program())
    diagnosis = examine(tmp_path, without=FAMILY)
    found = {
        finding.file.rpartition("/")[2].rpartition("\\")[2]: finding.fix
        for finding in diagnosis.findings
        if finding.verdict == WARNING
    }
    assert found.keys() == {"app.exe", "mac"}
    assert "/DEBUG" in found["app.exe"]


def test_a_program_without_the_client_is_a_warning_when_it_is_named(tmp_path):
    write_program(tmp_path / "app", elf_program(client=False, anchor=False))
    diagnosis = examine(tmp_path / "app")
    assert failures(diagnosis) == set()
    assert "no Crashpad client" in find_finding(diagnosis, "program.client", WARNING).cause


def test_a_program_without_the_client_in_a_folder_is_none_of_doctors(tmp_path):
    write_program(tmp_path / "app", elf_program(client=False, anchor=False))
    assert not [s for s in examine(tmp_path).subjects if s.kind == "program"]


def test_real_programs_of_no_crashpad_have_the_warning_alone(truth):
    diagnosis = examine(truth / "objects" / "macho" / "exe_arm64", without=("host.", "database."))
    assert (failures(diagnosis), warnings(diagnosis)) == (set(), {"program.client"})
