"""Small PDBs that are written to be expensive cost seconds and some memory, not more."""

import time

import pytest

from crashtool.services.files.scratch import Scratch
from tests.damage import attempt
from tests.formats.dwarf.test_hostile_shapes import MAX_MEMORY, MAX_SECONDS, read_values
from tests.services.symbols.test_damaged_debug_files import measure_memory, write_down
from tests.synth import hostile_pdb


@pytest.mark.parametrize("case", hostile_pdb.CASES.values(), ids=hostile_pdb.CASES)
def test_what_is_written_to_be_expensive_is_given_up_soon(tmp_path, case):
    path = tmp_path / "case.pdb"
    path.write_bytes(case())
    before, began = measure_memory(), time.process_time()

    attempt(read_values, path, hostile_pdb.PLACES)
    with Scratch() as scratch:
        attempt(write_down, path, scratch)

    assert time.process_time() - began < MAX_SECONDS
    assert measure_memory() - before < MAX_MEMORY
