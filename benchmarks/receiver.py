"""The receiver of `crashtool serve` as a process of its own.

`python benchmarks/receiver.py FOLDER` prints its submission URL, stores in FOLDER until its stdin
ends, and then prints how many reports have come.
"""

from __future__ import annotations

import sys

from crashtool.services.receiver.app import start_receiver


def main() -> None:
    """Serve until stdin ends."""
    with start_receiver(sys.argv[1]) as receiver:
        print(receiver.submission_url("minidump"), flush=True)
        sys.stdin.read()
        print(len(receiver.inbox.reports()))


if __name__ == "__main__":
    main()
