"""handler.libraries and handler.libcurl: systems that lack what a real handler is loaded with."""

import shutil
from pathlib import Path

import pytest

from crashtool.formats.object_file.macho_structs import (
    LibraryCommand,
)
from crashtool.model.doctor import SKIP, WARNING
from crashtool.services.integration.doctor import handler_libraries
from crashtool.services.integration.doctor.facts import read_elf_dynamic
from crashtool.services.integration.doctor.library_search import Linker, resolve_in
from tests.services.integration.doctor.folders import (
    elf_program,
    examine,
    failures,
    find_finding,
    handler_texts,
    macho_program,
    pe_program,
    warnings,
    write_program,
)
from tests.toolchain import need_programs, run_tool

OURS = ("host.", "program.", "handler.present", "database.")
STUB = r"""
struct version {
  int age; const char *version; unsigned number; const char *host; int features;
  const char *ssl; long ssl_number; const char *libz; const char *const *protocols;
};
static const char *const protocols[] = {"ftp", "http", PROTOCOLS 0};
static const struct version known = {0, "8", 8, "here", 0, 0, 0, 0, protocols};
const struct version *curl_version_info(int now) { return &known; }
"""


@pytest.fixture
def edited(tmp_path, upstream_handler):
    """edited(old, new) -> the path of a real handler with a text of its bytes changed."""

    def make(old, new):
        content = upstream_handler.read_bytes()
        assert old in content
        assert len(old) == len(new)
        return write_program(tmp_path / "crashpad_handler", content.replace(old, new))

    return make


@pytest.fixture
def image(tmp_path, upstream_handler):
    """A root with the handler and all that it is linked with, but libcurl."""
    root = tmp_path / "image"
    dynamic = read_elf_dynamic(str(upstream_handler))
    linker = Linker(None, dynamic.machine, is_wide=dynamic.is_wide)
    for name in dynamic.needed:
        write_program(root / "usr" / "lib" / name, Path(linker.find(name)).read_bytes())
    (root / "lib64").symlink_to("/usr/lib")  # absolute: in the image, not here
    write_program(root / "opt" / "crashpad_handler", upstream_handler.read_bytes())
    return root


def test_a_real_handler_has_its_libraries_here(upstream_handler):
    diagnosis = examine(upstream_handler, without=OURS)
    assert failures(diagnosis) <= {"handler.libcurl"}  # where no libcurl is installed


def test_a_library_that_is_missing(edited):
    diagnosis = examine(edited(b"libgcc_s.so.1\0", b"libgcc_q.so.1\0"), without=OURS)
    assert failures(diagnosis) - {"handler.libcurl"} == {"handler.libraries"}
    finding = find_finding(diagnosis, "handler.libraries")
    assert finding.cause == "libgcc_q.so.1 is not found on this system"
    assert "does not start" in finding.consequence


def test_a_library_that_is_too_old(edited):
    diagnosis = examine(edited(b"GLIBC_2.34\0", b"GLIBC_2.99\0"), without=OURS)
    assert failures(diagnosis) - {"handler.libcurl"} == {"handler.libraries"}
    assert "GLIBC_2.99" in find_finding(diagnosis, "handler.libraries").cause
    assert "older system" in find_finding(diagnosis, "handler.libraries").fix


def test_a_handler_that_is_linked_with_libcurl_fails_once(tmp_path, sentry_handler):
    content = sentry_handler.read_bytes().replace(b"\0libcurl.so.4\0", b"\0libcurl.so.9\0", 1)
    path = write_program(tmp_path / "crashpad_handler", content)
    diagnosis = examine(path, without=OURS, handler_arguments=("--no-rate-limit",))
    assert failures(diagnosis) == {"handler.libraries"}
    assert "libcurl.so.9 is not found" in find_finding(diagnosis, "handler.libraries").cause
    assert "libcurl.so.9 is missing" in find_finding(diagnosis, "handler.arguments", SKIP).cause


def test_an_image_without_libcurl(image):
    diagnosis = examine(image / "opt", root=image, without=OURS)
    assert failures(diagnosis) == {"handler.libcurl"}
    finding = find_finding(diagnosis, "handler.libcurl")
    assert "loads libcurl when it uploads" in finding.cause
    assert "apt install libcurl4" in finding.fix


def test_an_image_with_libcurl(image):
    libc = image / "usr" / "lib" / "libc.so.6"
    shutil.copy(libc, image / "usr" / "lib" / "libcurl-gnutls.so.4")  # any library for the machine
    assert failures(examine(image / "opt", root=image, without=OURS)) == set()


def test_an_image_with_another_c_library(image):
    for file in (image / "usr" / "lib").iterdir():
        file.unlink()
    diagnosis = examine(image / "opt", root=image, without=OURS)
    assert failures(diagnosis) == {"handler.libraries", "handler.libcurl"}
    finding = find_finding(diagnosis, "handler.libraries")
    assert "/lib64/ld-linux-x86-64.so.2" in finding.cause
    assert "musl" in finding.fix


def test_a_library_beside_the_handler_is_found_by_its_run_path(tmp_path):
    need_programs("gcc")
    (tmp_path / "part.c").write_text("int part(void) { return 1; }\n")
    text = handler_texts().decode().replace("\0", "\\0")
    (tmp_path / "handler.c").write_text(
        f'int part(void);\nconst char *volatile text = "{text}";\n'
        "int main(void) { return part(); }\n"
    )
    run_tool("gcc", "-shared", "-o", tmp_path / "libpart.so", tmp_path / "part.c")
    run_tool(
        "gcc",
        "-o",
        tmp_path / "crashpad_handler",
        tmp_path / "handler.c",
        f"-L{tmp_path}",
        "-lpart",
        "-Wl,-rpath,$ORIGIN",
    )
    whole = failures(examine(tmp_path / "crashpad_handler", without=OURS, may_start=False))
    (tmp_path / "libpart.so").unlink()
    broken = failures(examine(tmp_path / "crashpad_handler", without=OURS, may_start=False))
    assert (whole, broken) == (set(), {"handler.libraries"})


def test_links_of_an_image_lead_into_it_and_circles_end(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "in").symlink_to("/etc/passwd")
    (tmp_path / "loop").symlink_to("loop")
    assert resolve_in(tmp_path, "/a/in") == f"{tmp_path}/etc/passwd"
    assert resolve_in(tmp_path, "/../../a") == f"{tmp_path}/a"
    assert resolve_in(tmp_path, "/loop") == f"{tmp_path}/loop"


@pytest.mark.parametrize(
    ("protocols", "failed"), [("", {"handler.libcurl"}), ('"https",', set())], ids=["http", "https"]
)
def test_a_libcurl_without_https(tmp_path, monkeypatch, upstream_handler, protocols, failed):
    need_programs("gcc")
    (tmp_path / "curl.c").write_text(STUB)
    stub = tmp_path / "libcurl.so.4"
    run_tool("gcc", "-shared", "-fPIC", f"-DPROTOCOLS={protocols}", "-o", stub, tmp_path / "curl.c")
    monkeypatch.setattr(handler_libraries, "_find_libcurl", lambda *_: str(stub))
    diagnosis = examine(upstream_handler, without=OURS)
    assert failures(diagnosis) == failed
    if failed:
        assert "Unsupported protocol" in find_finding(diagnosis, "handler.libcurl").consequence


def test_a_libcurl_that_cannot_be_loaded_is_a_skip(tmp_path, monkeypatch, upstream_handler):
    (tmp_path / "libcurl.so.4").write_bytes(b"\x7fELF")
    monkeypatch.setattr(
        handler_libraries, "_find_libcurl", lambda *_: str(tmp_path / "libcurl.so.4")
    )
    diagnosis = examine(upstream_handler, without=OURS)
    assert "cannot read" in find_finding(diagnosis, "handler.libcurl", SKIP).cause


def test_a_handler_for_another_machine_is_not_judged_by_this_one(tmp_path):
    write_program(tmp_path / "crashpad_handler", elf_program(machine=21) + handler_texts())
    diagnosis = examine(tmp_path / "crashpad_handler", without=OURS)
    assert failures(diagnosis) == set()
    assert "--root DIR" in find_finding(diagnosis, "handler.libraries", SKIP).cause


def test_the_windows_handler_wants_the_redistributable(tmp_path, windows_handler):
    path = write_program(tmp_path / "crashpad_handler.exe", windows_handler.read_bytes())
    assert warnings(examine(path, without=OURS)) == {"handler.libraries"}
    for name in ("msvcp140.dll", "vcruntime140.dll", "VCRUNTIME140_1.dll"):
        write_program(tmp_path / name, pe_program(client=False))
    assert warnings(examine(path, without=OURS)) == set()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"POWRPROF.dll", b"ZLIBPROF.dll", "ZLIBPROF.dll is not beside it"),
        (b"VCRUNTIME140.dll\0", b"VCRUNTIME140D.dll", "a debug build"),
    ],
)
def test_the_windows_handler_with_a_dll_that_is_not_of_windows(
    tmp_path, windows_handler, old, new, words
):
    content = windows_handler.read_bytes()
    assert old in content
    path = write_program(tmp_path / "crashpad_handler.exe", content.replace(old, new))
    diagnosis = examine(path, without=OURS)
    assert failures(diagnosis) == {"handler.libraries"}
    assert words in find_finding(diagnosis, "handler.libraries").cause


def dylib(name):
    text = name.encode() + b"\0"
    size = LibraryCommand.SIZE + len(text) + -len(text) % 8
    row = LibraryCommand(command=0xC, size=size, name_offset=LibraryCommand.SIZE)

    class Text:
        def pack(self, **_):
            return text + bytes(-len(text) % 8)

    return [row, Text()]


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("/usr/lib/libSystem.B.dylib", None),
        ("@executable_path/lib/libz.dylib", "failure"),
        ("/opt/homebrew/lib/libssl.dylib", WARNING),
    ],
)
def test_libraries_of_a_handler_for_macos(tmp_path, name, verdict):
    content = macho_program(commands=[dylib(name)]) + handler_texts()
    path = write_program(tmp_path / "crashpad_handler", content)
    findings = [f for f in examine(path, without=OURS).findings if f.check == "handler.libraries"]
    assert [f.verdict for f in findings] == [verdict or "pass"]
