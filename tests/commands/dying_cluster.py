"""triage on a cluster some part of which is killed at a counted row: the call itself, or another.

`python -m tests.commands.dying_cluster ARGUMENT...` is crashtool with those arguments. Its
environment says what dies: KILL_AT, the number of the row that is kept last, with KILL_PROCESS, 0
for the call itself; or WORKER_AT, the number of the minidump whose reader kills the worker that has
asked it to read, once, as the file WORKER_FLAG tells.
"""

import os
import signal
import sys
from itertools import count

from crashtool.commands.triaged import make_row_reader


def make_ending(setup):
    """A reader that kills its worker while it reads the n-th minidump."""
    read, numbers = make_row_reader(setup), count(1)
    at, caller, flag = setup.keys[-1].split(" ", 2)

    def read_or_kill(task):
        if next(numbers) == int(at) and os.getppid() != int(caller):
            try:
                os.close(os.open(flag, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return read(task)
            os.kill(os.getppid(), signal.SIGKILL)
        return read(task)

    return read_or_kill


def end_workers(at, flag):
    """Have `make_ending` read, and tell it when to kill."""
    from crashtool.commands import triage_cluster

    adapt = triage_cluster.adapt

    def adapt_and_tell(setup, address):
        adapted = adapt(setup, address)
        return adapted._replace(keys=(*adapted.keys, f"{at} {os.getpid()} {flag}"))

    triage_cluster.MAKER = f"{__spec__.name}:make_ending"
    triage_cluster.adapt = adapt_and_tell


def kill_at(number, process):
    """Kill a process once so many rows are kept."""
    from crashtool.services.triage.kept_rows import KeptRows

    add, numbers = KeptRows.add, count(1)

    def add_and_kill(self, identity, row):
        add(self, identity, row)
        if next(numbers) == number:
            os.kill(process or os.getpid(), signal.SIGKILL)

    KeptRows.add = add_and_kill


def main():
    """Arrange what dies, then be crashtool."""
    sys.argv[0] = "crashtool"
    from crashtool import cli

    if "WORKER_AT" in os.environ:
        end_workers(int(os.environ["WORKER_AT"]), os.environ["WORKER_FLAG"])
    if "KILL_AT" in os.environ:
        kill_at(int(os.environ["KILL_AT"]), int(os.environ["KILL_PROCESS"]))
    cli.main()


if __name__ == "__main__":
    main()
