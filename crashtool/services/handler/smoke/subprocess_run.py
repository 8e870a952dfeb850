"""Run a program under a handler from a process that has threads or children of its own.

The runner waits for any child and must be alone with its program; so it gets a process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from crashtool import errors
from crashtool.errors import CrashtoolError
from crashtool.model.run import FatalSignal, ProcessCrash, RunResult, Unfollowed
from crashtool.services.handler.following.follow_options import Following
from crashtool.services.handler.run.program import HANDLER_SECONDS, run_program
from crashtool.services.handler.snapshot.own_writer import OwnWriter
from crashtool.services.workers.child_environment import child_environment


def run_in_subprocess(
    program: Sequence[str],
    handler: Sequence[str] = (),
    *,
    own: OwnWriter | None = None,
    mode: str = "trace",
    handler_seconds: float = HANDLER_SECONDS,
    following: Following | None = None,
    insists: bool = True,
) -> RunResult:
    """run_program in a process of its own, the program's streams leading nowhere."""
    job = {
        "program": list(program),
        "handler": list(handler),
        "own": own,
        "mode": mode,
        "handler_seconds": handler_seconds,
        "following": following,
        "insists": insists,
    }
    done = subprocess.run(
        [sys.executable, "-P", "-m", __spec__.name],
        input=json.dumps(job),
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env=child_environment(),
        check=False,
    )
    if done.returncode:
        raise CrashtoolError(f"the runner ended with status {done.returncode}")
    return _read(json.loads(done.stdout))


def _read(document: dict[str, Any]) -> RunResult:
    if "error" in document:
        kind, what, hint = document["error"]
        raise getattr(errors, kind)(what, hint=hint)
    result = RunResult(**document)
    result = result._replace(
        images=tuple(result.images),
        notes=tuple(result.notes),
        crashes=tuple(map(_read_crash, document["crashes"])),
        hangs=tuple(map(_read_crash, document["hangs"])),
        unfollowed=tuple(Unfollowed(*values) for values in document["unfollowed"]),
    )
    return result if result.fatal is None else result._replace(fatal=FatalSignal(*result.fatal))


def _read_crash(values: list[Any]) -> ProcessCrash:
    crash = ProcessCrash(*values)
    return crash._replace(
        command_line=tuple(crash.command_line),
        fatal=FatalSignal(*crash.fatal),
        images=tuple(crash.images),
        notes=tuple(crash.notes),
        last_lines=tuple(crash.last_lines),
    )


def main() -> None:
    """Read a job from stdin, run it, write its result to stdout."""
    job = json.load(sys.stdin)
    job["own"] = OwnWriter(*job["own"]) if job["own"] else None
    job["following"] = Following(*job["following"]) if job["following"] else None
    null = os.open(os.devnull, os.O_RDWR)
    try:
        document = run_program(**job, streams=(null, null, null))._asdict()
    except CrashtoolError as error:
        document = {"error": (type(error).__name__, error.what, error.hint)}
    json.dump(document, sys.stdout)


if __name__ == "__main__":
    main()
