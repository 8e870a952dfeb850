"""Compilers and tools for binaries; a test that needs one that is absent or broken is skipped.

A machine may have a compiler and not what it links with (gcc without libc6-dev), or not the
libraries of another width (gcc without gcc-multilib); so it is tried, once.
"""

import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest

SUFFIXES = {"gcc": ".c", "g++": ".cc", "clang": ".c", "clang++": ".cc"}


def need(*tools: str) -> None:
    """Skip the test unless each of the tools is there; a compiler must make programs, too."""
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
        if tool in SUFFIXES:
            need_programs(tool)


def need_programs(compiler: str, *flags: str) -> None:
    """Skip the test unless the compiler makes programs of this system with such flags."""
    if sys.platform != "linux":
        pytest.skip("needs a Linux compiler")
    if shutil.which(compiler) is None:
        pytest.skip(f"needs {compiler}")
    fault = _find_fault(compiler, flags)
    if fault:
        pytest.skip(f"{' '.join((compiler, *flags))} makes no programs here: {fault}")


@cache
def _find_fault(compiler: str, flags: tuple[str, ...]) -> str:
    """The compiler's own last words about a program that does nothing; none if it could be made."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "main").with_suffix(SUFFIXES[compiler])
        headers = "#include <errno.h>\n#include <stdio.h>\n"  # the kernel's, and the library's
        source.write_text(headers + 'int main(void) { return puts(""); }\n')
        done = subprocess.run(
            [compiler, *flags, "-o", source.with_suffix(""), source],
            capture_output=True,
            text=True,
            check=False,
        )
    return done.stderr.strip().rpartition("\n")[2] if done.returncode else ""


def run_tool(*line: object, **options: object) -> str:
    """Run a tool, of which the first word is the name, to its good end; what it printed."""
    words = [str(word) for word in line]
    need(words[0])
    return subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, **options).stdout
