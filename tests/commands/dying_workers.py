"""Workers of triage that are killed: each at a count of calls, or whenever they meet one dump."""

import os
import signal
import sys
import threading
from pathlib import Path

from crashtool.commands.triaged import make_row_reader

KILLER = "killer.dmp"


def die_at(count, flag=None):
    """End this process by SIGKILL at the n-th call of a Python function, in any thread.

    With a `flag`, a path, only the first process that gets so far dies. Gives what says how many
    calls there were.
    """
    left = count

    def watch(_frame, event, _argument):
        nonlocal left
        if event != "call":
            return
        left -= 1
        if left == 0:
            if flag:
                try:
                    os.close(os.open(flag, os.O_CREAT | os.O_EXCL))
                except FileExistsError:
                    return
            os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(watch)
    sys.setprofile(watch)
    return lambda: count - left


def make_dying(setup):
    """A reader that dies once, at the count of calls and with the flag of the environment."""
    read = make_row_reader(setup)
    die_at(int(os.environ["DIE_AT"]), os.environ["DIE_FLAG"])
    return read


def make_killed(setup):
    """A reader that one dump kills whenever it is read."""
    read = make_row_reader(setup)

    def read_or_die(task):
        if os.path.basename(task.source.path) == KILLER:  # noqa: PTH119
            os.kill(os.getpid(), signal.SIGKILL)
        return read(task)

    return read_or_die


def main():
    """crashtool with the arguments that follow: `MAKER COUNT ARGUMENT...`, "" and 0 for none.

    How many calls there were goes to the file COUNT_TO of the environment.
    """
    maker, count = sys.argv[1], int(sys.argv[2])
    sys.argv = ["crashtool", *sys.argv[3:]]
    from crashtool import cli
    from crashtool.commands import triaged

    if maker:
        triaged.MAKER = f"{__spec__.name}:{maker}"
    told = die_at(count or sys.maxsize)
    try:
        cli.main()
    finally:
        if path := os.environ.get("COUNT_TO"):
            Path(path).write_text(str(told()), encoding="ascii")


if __name__ == "__main__":
    main()
