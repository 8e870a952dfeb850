"""No help text pays for a library it does not use."""

import subprocess
import sys

import pytest

from crashtool.commands.command_table import COMMANDS
from tests.synth.crashes import FUNCTIONS, crash
from tests.synth.minidump import full_dump

HEAVY = (
    "rich", "requests", "urllib3", "symbolic", "minidump", "demangle", "starlette", "uvicorn",
    "jinja2", "tomli", "sqlite3", "ssl", "asyncio", "http.client", "importlib.metadata",
    "dataclasses", "ctypes", "zipfile",
)  # fmt: skip
SCRIPT = f"""
import sys
from crashtool.commands.root_command import root
try:
    root.main(sys.argv[1:], prog_name="crashtool")
except SystemExit as end:
    assert not end.code, end.code
loaded = [name for name in {HEAVY!r} if name in sys.modules]
sys.stderr.write(" ".join(loaded))
"""


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_imports_nothing_heavy(command):
    arguments = [command, "--help"] if command else ["--help"]

    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    assert "Usage: crashtool" in run.stdout


@pytest.mark.parametrize("argument", ["--help", "-h", "--version"])
def test_what_crashtool_says_of_itself_imports_no_parser_and_no_command(argument):
    script = SCRIPT.replace("commands.root_command import root", "cli import main")
    script = script.replace('root.main(sys.argv[1:], prog_name="crashtool")', "main()")
    modules = "[m for m in sys.modules if m.startswith(('__future__', 'click', 'crashtool.'))]"
    script += f"sys.stderr.write(' '.join(sorted({modules})))"

    run = subprocess.run(
        [sys.executable, "-c", script, argument], capture_output=True, text=True, check=False
    )

    assert "crashtool" in run.stdout
    assert run.stderr.split() == [
        "crashtool.cli",
        "crashtool.commands",
        "crashtool.commands.command_table",
        "crashtool.commands.standard_streams",
        "crashtool.errors",
        "crashtool.render",
        "crashtool.render.root_help",
    ]


FOR_ONE_KIND_OF_FILE = """
import sys
from crashtool.formats.object_file import identify as reading
from crashtool.services.symbols.demangle import demangle
from crashtool.services.symbols.debug_file import open_debug_file
assert demangle("_ZN3app5stageEi") == "app::stage", demangle("_ZN3app5stageEi")
early = ("subprocess", "demangle.schemes.rust", "crashtool.formats.object_file.exception_tables",
         "crashtool.formats.object_file.arm64_exception_tables")
sys.stderr.write(" ".join(name for name in early if name in sys.modules))
"""


def test_symbols_of_an_elf_file_of_cpp_load_nothing_for_other_files_or_languages():
    run = subprocess.run(
        [sys.executable, "-c", FOR_ONE_KIND_OF_FILE], capture_output=True, text=True, check=False
    )

    assert run.stderr == ""


def test_a_dump_without_symbols_loads_nothing_that_reads_variables(tmp_path):
    path = tmp_path / "app.dmp"
    path.write_bytes(crash(1, FUNCTIONS[0]))
    early = "crashtool.services.analyze.variables.frames"
    script = SCRIPT + f"sys.stderr.write({early!r} * ({early!r} in sys.modules))"

    run = subprocess.run(
        [sys.executable, "-c", script, "inspect", "--json", "--symbols", str(tmp_path), str(path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert '"trust": "context"' in run.stdout
    assert early not in run.stderr


PATTERNS = """
import sys
def watch(frame, event, _):
    if event != "call" or frame.f_code.co_name != "compile":
        return
    if not frame.f_globals["__name__"].startswith("re."):
        return
    pattern = frame.f_locals["p"]
    while frame and frame.f_globals["__name__"].partition(".")[0] == "re":
        frame = frame.f_back
    name = frame.f_globals["__name__"] if frame else ""
    if name.startswith("crashtool."):
        seen.append(f"{name}: {pattern!r}")
seen = []
sys.setprofile(watch)
from crashtool.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
sys.setprofile(None)
sys.stderr.write("; ".join(seen))
"""


def test_a_dump_without_symbols_needs_no_pattern(tmp_path):
    path = tmp_path / "app.dmp"
    path.write_bytes(full_dump().pack())

    run = subprocess.run(
        [sys.executable, "-c", PATTERNS, "inspect", "--json", "--no-local-symbols", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert '"trust": "context"' in run.stdout
    assert run.stderr == ""
