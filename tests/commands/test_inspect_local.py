"""Symbols that nobody named: at the paths a dump records, beside it, in packages, in the cache."""

import json
import os
import subprocess
import sys
import zlib

import pytest

from crashtool.formats.identifiers import BuildId
from crashtool.services.symbols import local_places, local_source
from tests.synth.minidump import MinidumpBuilder
from tests.synth.object_files import BUILD_ID, build_elf, build_sym, full_elf
from tests.synth.symbol_server import SymbolServer
from tests.toolchain import run_tool

ELF_ID = BuildId(BUILD_ID)
OTHER_ID = BuildId(bytes(range(0x41, 0x55)))
BASE = 0x400000
LINES = ["FILE 0 app.c", "FUNC 1000 20 0 crash_here", "1000 20 42 0"]
SYM = build_sym(ELF_ID.debug_id.breakpad, lines=LINES)
POSIX = pytest.mark.skipif(os.name != "posix", reason="a path of Linux")


@pytest.fixture(autouse=True)
def local_symbols(monkeypatch, tmp_path):
    """Looked for as by default; what this very machine has installed does not count."""
    monkeypatch.delenv("CRASHTOOL_NO_LOCAL_SYMBOLS")
    monkeypatch.setattr(local_places, "LIBRARY_FOLDERS", (str(tmp_path / "lib"),))
    for module in (local_places, local_source):
        monkeypatch.setattr(module, "DEBUG_FOLDER", str(tmp_path / "debug"))


def write_dump(folder, *names, build_id=BUILD_ID):
    folder.mkdir(exist_ok=True)
    path = folder / "crash.dmp"
    registers = {"rip": BASE + 0x1004, "rsp": 0x7000}
    builder = MinidumpBuilder().add_system().add_misc(5)
    for number, name in enumerate(names):
        builder.add_module(str(name), BASE + number * 0x100000, 0x10000, build_id=build_id)
    builder.add_thread(7, registers=registers, stack=(0x7000, bytes(64)))
    path.write_bytes(builder.set_exception(7, 11, registers=registers).pack())
    return path


@pytest.fixture
def dump(tmp_path):
    return write_dump(tmp_path / "dumps", tmp_path / "build" / "app")


@pytest.fixture
def build(tmp_path):
    folder = tmp_path / "build"
    folder.mkdir()
    return folder


def top_frame(result):
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)["crashing_thread"]["frames"][0]


@POSIX
def test_the_program_at_its_recorded_path_names_the_function(crashtool, build, tmp_path):
    (build / "app.c").write_text("int crash_here(int x) { return x + 1; }\n")
    options = ["-g", "-nostdlib", "-shared", "-Wl,--build-id=0x" + ELF_ID.hex, "-o", "app"]
    run_tool("gcc", *options, "app.c", cwd=build)
    place = run_tool("nm", "-D", "--defined-only", "app", cwd=build).split()[0]
    path = tmp_path / "crash.dmp"
    registers = {"rip": BASE + int(place, 16) + 4, "rsp": 0x7000}
    builder = MinidumpBuilder().add_system().add_misc(5)
    builder.add_module(str(build / "app"), BASE, 0x10000, build_id=BUILD_ID)
    builder.add_thread(7, registers=registers, stack=(0x7000, bytes(64)))
    path.write_bytes(builder.set_exception(7, 11, registers=registers).pack())

    result = crashtool("inspect", path)

    assert "crash_here" in result.stdout
    assert "app.c:1" in result.stdout
    assert "found at its recorded path: app" in result.stdout


@POSIX
@pytest.mark.parametrize("option", ["flag", "environment"])
def test_looking_around_can_be_forbidden(crashtool, dump, build, monkeypatch, option):
    (build / "app").write_bytes(full_elf())
    assert "recorded path" in crashtool("inspect", dump).stdout

    if option == "environment":
        monkeypatch.setenv("CRASHTOOL_NO_LOCAL_SYMBOLS", "1")
    options = ["--no-local-symbols"] if option == "flag" else []
    result = crashtool("inspect", dump, *options)

    assert "none given" in result.stdout
    assert "recorded path" not in result.stdout


@POSIX
def test_nothing_is_shown_of_a_file_of_another_identifier(crashtool, dump, build):
    expected = crashtool("inspect", dump, "--verbose").stdout  # with no such file
    (build / "app").write_bytes(full_elf(build_id=OTHER_ID.raw))
    (build / "app.debug").write_bytes(full_elf(build_id=OTHER_ID.raw))

    result = crashtool("inspect", dump, "--verbose")

    assert result.stdout == expected
    assert OTHER_ID.debug_id.breakpad[:16] not in result.stdout.upper()


@POSIX
def test_nothing_is_shown_of_a_file_that_is_no_debug_file(crashtool, tmp_path):
    secret = tmp_path / "id_rsa"
    dump = write_dump(tmp_path / "dumps", secret)
    expected = crashtool("inspect", dump, "--verbose").stdout
    secret.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")

    assert crashtool("inspect", dump, "--verbose").stdout == expected


@POSIX
def test_a_pipe_at_a_recorded_path_is_never_opened(tmp_path, dump, build):
    os.mkfifo(build / "app")

    run = subprocess.run(
        [sys.executable, "-m", "crashtool", "inspect", str(dump)],
        capture_output=True,
        timeout=20,
        check=False,
    )

    assert run.returncode == 0


@POSIX
@pytest.mark.parametrize(
    "path",
    ["/proc/self/exe", "/proc/self/mem", "/dev/zero", "/dev/stdin", "/sys/kernel/notes",
     "//proc/self/exe", "/usr/../proc/self/exe", "relative/app", "app", "", "/a\0b", "/a\x1bb",
     "\\\\host\\share\\app", "C:\\build\\app.exe"],
)  # fmt: skip
def test_what_is_no_file_of_a_disk_here_is_no_recorded_path(path):
    assert local_places.recorded_path(path) == ""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (r"C:\build\app.exe", True),
        ("c:/build/app.exe", True),
        (r"\\host\share\app.exe", False),
        ("//host/share/app.exe", False),
        (r"\\?\UNC\host\share\app.exe", False),
        (r"\\?\C:\build\app.exe", False),
        (r"\\.\pipe\name", False),
        (r"\??\C:\app.exe", False),
        (r"C:\\host\share", False),
        (r"C:app.exe", False),
        (r"\build\app.exe", False),
        (r"C:\build\nul", False),
        (r"C:\build\COM1.exe", False),
        (r"C:\build\app.exe:stream", False),
        (r"C:\build\app?.exe", False),
        (r"Z:\share\app.exe", False),  # a letter that stands for a server's share
        ("/usr/bin/app", False),
    ],
)
def test_windows_takes_paths_of_its_own_disks_alone(monkeypatch, path, expected):
    monkeypatch.setattr(local_places, "_is_remote", lambda drive: drive.upper() == "Z:")

    assert bool(local_places._windows_path(path)) == expected


def test_a_drive_of_which_nothing_is_known_counts_as_remote():
    if os.name == "nt":
        pytest.skip("known there")
    assert local_places._is_remote("C:")


def test_mounts_that_come_when_one_looks_are_left_alone():
    text = (
        "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
        "31 22 0:29 / /net rw,relatime shared:9 - autofs -hosts rw,fd=7\n"
        "32 22 0:30 / /srv/my\\040jail/proc rw - proc proc rw\n"
        "broken\n"
    )
    assert local_places.list_unsafe_mounts(text) == ["/net", "/srv/my jail/proc"]


def test_a_file_beside_the_dump_is_found(crashtool, tmp_path):
    dump = write_dump(tmp_path / "dumps", "/nonexistent/app")
    (tmp_path / "dumps" / "app.sym").write_bytes(SYM)

    result = crashtool("inspect", dump)

    assert "crash_here" in result.stdout
    assert "found beside the dump: app" in result.stdout


def test_one_of_another_build_beside_the_dump_is_named_and_not_used(crashtool, tmp_path):
    dump = write_dump(tmp_path / "dumps", "/nonexistent/app")
    other = build_sym(OTHER_ID.debug_id.breakpad, lines=LINES)
    (tmp_path / "dumps" / "app.sym").write_bytes(other)

    result = crashtool("inspect", dump)

    assert "crash_here" not in result.stdout
    assert "app.sym is of another build" in result.stdout


@pytest.mark.parametrize("name", ["..", "../../secret", "..\\secret"])
def test_a_name_that_leads_elsewhere_stays_beside_the_dump(tmp_path, name):
    plain = local_places.plain_name(name)

    assert plain in ("", "secret")


@POSIX
def test_libraries_are_recorded_without_path_and_found_beside_their_program(
    crashtool, build, tmp_path
):
    dump = write_dump(tmp_path / "dumps", "libengine.so", build / "game")
    (build / "libengine.so").write_bytes(SYM)
    # the program is the first module of a dump
    dump = write_dump(tmp_path / "dumps", build / "game", "libengine.so")

    around = local_places.find_surroundings(str(dump), ())
    assert around.program_folder == ""
    result = crashtool("symbols", "find", dump)

    assert "beside its program" in result.stdout


@POSIX
def test_libraries_of_the_system_are_found_by_identifier(crashtool, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libc.so.6").write_bytes(SYM)
    dump = write_dump(tmp_path / "dumps", "libc.so.6")

    assert "found in the system's folders: libc.so.6" in crashtool("inspect", dump).stdout

    (tmp_path / "lib" / "libc.so.6").write_bytes(build_sym(OTHER_ID.debug_id.breakpad))
    assert "found in" not in crashtool("inspect", dump).stdout


@POSIX
def test_a_debug_package_is_found_by_build_id(crashtool, dump, tmp_path):
    place = tmp_path / "debug" / ".build-id" / ELF_ID.hex[:2] / f"{ELF_ID.hex[2:]}.debug"
    place.parent.mkdir(parents=True)
    place.write_bytes(SYM)

    result = crashtool("inspect", dump)

    assert "crash_here" in result.stdout
    assert f"found in {tmp_path / 'debug'}: app" in result.stdout


def linked_program(name, content):
    """A stripped program that names its debug file, whose CRC32 it knows."""
    link = name.encode() + b"\0" * (4 - len(name) % 4) + zlib.crc32(content).to_bytes(4, "little")
    return build_elf(
        [(".rodata", 1, 2, b"\x90" * 40), (".gnu_debuglink", 1, 0, link)], interpreter=True
    )


@POSIX
@pytest.mark.parametrize("place", ["build", "build/.debug", "debug{folder}"])
@pytest.mark.parametrize("named", [False, True])
def test_a_debug_link_is_followed_where_gdb_follows_it(
    crashtool, build, dump, tmp_path, place, named
):
    (build / "app").write_bytes(linked_program("app-1.dbg", SYM))
    folder = tmp_path / place.format(folder=build)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "app-1.dbg").write_bytes(SYM)
    if named:
        moved = tmp_path / "elsewhere.dmp"
        dump = moved.write_bytes(dump.read_bytes()) and moved

    options = ["--symbols", build / "app"] if named else []
    result = crashtool("inspect", dump, *options)

    assert "crash_here" in result.stdout
    assert "found by its .gnu_debuglink: app" in result.stdout


@POSIX
@pytest.mark.parametrize("is_right", [True, False])
def test_a_linked_file_without_identifier_needs_the_right_checksum(
    crashtool, build, dump, is_right
):
    content = full_elf(build_id=None)
    (build / "app").write_bytes(linked_program("app-1.dbg", content))
    (build / "app-1.dbg").write_bytes(content if is_right else content + b"\0")

    result = crashtool("inspect", dump, "--verbose")

    assert ("app-1.dbg" in result.stdout) == is_right


def test_a_link_that_leads_out_of_its_folder_is_not_followed(tmp_path):
    assert local_places.plain_name("../../etc/shadow") == "shadow"


def test_what_a_server_once_sent_is_found_without_naming_it(crashtool, tmp_path):
    dump = write_dump(tmp_path / "dumps", "/nonexistent/app")
    server = SymbolServer({f"app/{ELF_ID.debug_id.breakpad}/app.sym": SYM})
    crashtool("inspect", dump, "--symbol-server", f"breakpad:{server.url}")
    server.close()

    result = crashtool("inspect", dump)

    assert "crash_here" in result.stdout
    assert "found in the cache: app" in result.stdout


def test_a_dump_from_elsewhere_costs_no_reader_of_debug_files(tmp_path):
    dump = write_dump(tmp_path / "dumps", "/nonexistent/app", "/nonexistent/libc.so.6")
    script = (
        "import sys\nfrom crashtool.commands.root_command import root\n"
        "try:\n    root.main(sys.argv[1:], prog_name='crashtool')\nexcept SystemExit:\n    pass\n"
        "sys.stderr.write(' '.join(name for name in sys.modules if '.symbols.' in name))"
    )

    run = subprocess.run(
        [sys.executable, "-c", script, "inspect", "--json", str(dump)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "local_session" in run.stderr
    assert "services.symbols.session" not in run.stderr
    assert "debug_file" not in run.stderr


@POSIX
def test_symbols_find_looks_at_recorded_paths_too(crashtool, dump, build):
    (build / "app").write_bytes(SYM)

    result = crashtool("symbols", "find", dump)

    assert result.exit_code == 0
    assert "at its recorded path" in result.stdout
