"""Builds symbolic's symbol cache of a debug file, and looks addresses up in it: FILE [HEX...]."""

from __future__ import annotations

import sys

from symbolic.debuginfo import Archive

if __name__ == "__main__":
    table = Archive.open(sys.argv[1]).get_object(arch="x86_64").make_symcache()
    for address in sys.argv[2:]:
        if not table.lookup(int(address, 16)):
            sys.exit(f"nothing at {address}")
