"""Builds symbolic's symbol cache of a debug file and nothing else."""

from __future__ import annotations

import sys

from symbolic.debuginfo import Archive

if __name__ == "__main__":
    Archive.open(sys.argv[1]).get_object(arch="x86_64").make_symcache()
