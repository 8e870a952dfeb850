"""Real gdb and lldb on core files: what they say of each frame, as values to be compared."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

MARK = "ROWS "
# Prints, for each frame of each thread, the leaves of its variables: (path, value), or None where
# gdb has no value for one.
GDB_VARIABLES = """
import gdb, json

LIMIT = 12

def leaves(value, path):
    try:
        if value.is_optimized_out:
            yield path, None
            return
        kind = value.type.strip_typedefs()
        if kind.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
            if path.count(".") < LIMIT:
                for number, field in enumerate(kind.fields()):
                    # gdb 13 ends at the base of an object that is in no memory
                    if hasattr(field, "bitpos") and (value.address or not field.is_base_class):
                        yield from member(value, field, f"{path}.{field.name or number}")
        elif kind.code == gdb.TYPE_CODE_ARRAY:
            low, high = kind.range()
            for index in range(low, min(high, low + LIMIT) + 1):
                yield from leaves(value[index], f"{path}[{index}]")
        elif kind.code == gdb.TYPE_CODE_PTR:
            yield path, hex(int(value))
            memory = gdb.selected_inferior().read_memory(int(value), 8)
            yield path + "*", bytes(memory).hex()
        elif kind.code not in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
            value.fetch_lazy()
            text = value.format_string(symbols=False, address=False)
            yield path, None if "Cannot access memory" in text else text
    except gdb.error:
        yield path, None

def member(value, field, path):
    try:
        value = value[field]
    except gdb.error:  # a virtual base, whose place the table of virtual functions tells
        yield path, None
    else:
        yield from leaves(value, path)

def variables(frame):
    try:
        block = frame.block()
    except RuntimeError:
        return
    depth = 0
    while block and not block.is_global and not block.is_static:
        for symbol in block:
            if symbol.is_argument or symbol.is_variable:
                name = f"{depth}:{symbol.name}"
                try:
                    yield from leaves(symbol.value(frame), name)
                except gdb.error:
                    yield name, None
        if block.function is not None:
            return
        block, depth = block.superblock, depth + 1

rows = []
frame = gdb.newest_frame()
while frame is not None and len(rows) < 60:
    rows.append((frame.pc(), frame.name(), list(variables(frame))))
    try:
        frame = frame.older()
    except gdb.error:
        break
print("ROWS " + json.dumps(rows))
"""
# The bytes of each page that both can read are asked for by the caller: "ADDRESS SIZE" a line.
GDB_MEMORY = """
import gdb, json, os

rows = []
inferior = gdb.selected_inferior()
with open(os.environ["RANGES"]) as file:
    for line in file:
        address, size = map(int, line.split())
        try:
            rows.append(bytes(inferior.read_memory(address, size)).hex())
        except gdb.error:
            rows.append(None)
print("ROWS " + json.dumps(rows))
"""


def need_gdb() -> None:
    """Skip the test without a gdb that runs Python."""
    if not shutil.which("gdb"):
        pytest.skip("needs gdb")
    line = ["gdb", "-nx", "-batch", "-ex", "python print(7 * 6)"]
    if "42" not in subprocess.run(line, capture_output=True, text=True, check=False).stdout:
        pytest.skip("this gdb has no Python")


def need_lldb() -> str:
    """The lldb to run; the test is skipped without one that reads core files."""
    found = os.environ.get("LLDB") or shutil.which("lldb")
    if not found:
        pytest.skip("needs lldb")
    return found


def run_gdb(folder: Path, script: str, program, core, **environment):
    """What a script prints as rows in gdb, on a core file alone or of a program that is named."""
    path = folder / "script.py"
    path.write_text(script, encoding="utf-8")
    named = [str(program)] if program else []
    result = subprocess.run(
        ["gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", *named, "-core", str(core),
         "-x", str(path)],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **environment},
    )  # fmt: skip
    line = next((row for row in result.stdout.splitlines() if row.startswith(MARK)), None)
    assert line, result.stdout + result.stderr
    return json.loads(line.removeprefix(MARK))


def gdb_says(program, core, *commands):
    """Each command's answer in gdb, errors in with it."""
    arguments = [part for text in commands for part in ("-ex", "echo \\n##\\n", "-ex", text)]
    result = subprocess.run(
        ["gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", *arguments,
         *([str(program)] if program else []), "-core", str(core)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
    )  # fmt: skip
    return [part.strip() for part in result.stdout.split("\n##\n")[1:]]


def lldb_says(lldb: str, program, core, *commands):
    """Each command's answer in lldb, errors in with it."""
    lines = ["settings set interpreter.stop-command-source-on-error false", *commands, "quit"]
    named = [str(program)] if program else []
    result = subprocess.run(
        [lldb, "--no-lldbinit", "--no-use-colors", "-c", str(core), *named],
        input="\n".join(lines) + "\n",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    parts = result.stdout.split("(lldb) ")
    found = [
        next((part for part in parts if part.startswith(text + "\n")), None) for text in commands
    ]
    assert None not in found, result.stdout
    return [part.split("\n", 1)[1].strip() for part in found]
