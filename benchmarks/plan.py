"""What a run was asked for, and the programs that every benchmark starts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

from timing import Program

PYTHON = sys.executable
CRASHTOOL = str(Path(sys.executable).parent / "crashtool")
PYTHON_PASS = Program("python -c pass", [PYTHON, "-c", "pass"])


class Plan(NamedTuple):
    """How much to measure, and with what.

    `dump` is the small dump, `peers` the folder of peers, `scratch` a folder that is removed
    afterwards and must have room for two large dumps when `sparse` files are not possible.
    """

    dump: Path
    peers: Path
    scratch: Path
    quick: bool = False

    def rounds(self, full: int) -> int:
        """How often to repeat what a full run repeats `full` times."""
        return max(3, full // 4) if self.quick else full

    @property
    def large_size(self) -> int:
        """How many bytes of memory the large dump holds."""
        return 64 << 20 if self.quick else 1 << 30

    @property
    def many(self) -> int:
        """How many dumps the bulk benchmark reads."""
        return 100 if self.quick else 1000
