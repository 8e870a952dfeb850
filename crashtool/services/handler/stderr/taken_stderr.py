"""What it takes to have the last lines of stderr at a crash: a relay, a file that is attached."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from crashtool.errors import reason_of
from crashtool.services.files.temporary_folder import temporary_folder
from crashtool.services.handler.stderr.last_lines import ATTACHMENT, LastLines
from crashtool.services.handler.stderr.stderr_relay import StderrRelay

IS_TERMINAL = "stderr is a terminal, which is left alone: its last lines are not known"


@contextmanager
def taking_last_lines(
    warn: Callable[[str], None], *, of_run: bool = True
) -> Iterator[LastLines | None]:
    """What takes down last lines while the block runs, with a relay if `of_run` needs one.

    None, with a warning, where no temporary file can be made.
    """
    with ExitStack() as stack:
        try:
            path = stack.enter_context(temporary_folder()) / ATTACHMENT
            relay = StderrRelay.start() if of_run else None
        except OSError as error:
            warn(f"no last lines of stderr are attached: {reason_of(error)}")
            yield None
            return
        if relay:
            stack.callback(relay.finish)
        elif of_run and os.isatty(2):
            warn(IS_TERMINAL)
        yield LastLines(path, relay)
