"""Commands as a page shows them, run in one bash after the other: what each says, how it ends."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlopen

from tests.services.receiver.conftest import wait_until

SECONDS = 300


class Ran(NamedTuple):
    """A command, its output and errors as they were written, and its exit status."""

    command: str
    stdout: str
    stderr: str
    status: int


def run_commands(commands: list[str], folder: Path, logs: Path, **variables: str) -> list[Ran]:
    """Run commands in a folder, as one bash: what one exports, the next ones have.

    `crashtool` is that of these tests. What each one writes is kept in `logs`.
    """
    logs.mkdir()
    shim = logs / "crashtool"
    shim.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m crashtool "$@"\n')
    shim.chmod(0o755)
    script = [f"export PATH={shlex.quote(str(logs))}:$PATH"]
    script += [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    for number, command in enumerate(commands):
        log = shlex.quote(str(logs / str(number)))
        script.append(f"{{\n{command}\n}} >{log}.out 2>{log}.err\necho $? >{log}.status")
    subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        timeout=SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return [_read(logs / str(number), command) for number, command in enumerate(commands)]


def _read(log: Path, command: str) -> Ran:
    texts = [
        log.with_suffix(end).read_text(encoding="utf-8", errors="replace")
        for end in (".out", ".err", ".status")
    ]
    return Ran(command, texts[0], texts[1], int(texts[2]))


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[dict[str, Any]]:
    """`crashtool serve` as a program, on a free port: its URL, the inbox's, its folder."""
    words = [sys.executable, "-m", "crashtool", "serve", *options, "--port", "0", "--json"]
    with subprocess.Popen(
        words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield _read_document(process.stdout or ())["receiver"]
        finally:
            process.terminate()
            process.wait()


def _read_document(lines: Iterable[str]) -> dict[str, Any]:
    """A JSON document as it comes over a pipe that stays open."""
    text = ""
    for line in lines:
        text += line
        try:
            return json.loads(text)
        except ValueError:
            continue
    raise AssertionError(text)


def wait_for_words(url: str, *words: str) -> None:
    """Wait until a page has all of these words, as a person before the inbox would."""

    def has_them() -> bool:
        with urlopen(url) as answer:  # noqa: S310 (our own receiver)
            page = answer.read().decode()
        return all(word in page for word in words)

    wait_until(has_them, 60)
