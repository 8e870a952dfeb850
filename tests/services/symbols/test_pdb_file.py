"""PDBs of the right build that have nothing of a program's code say why."""

import pytest

from crashtool.errors import MalformedFile
from crashtool.services.symbols.pdb_file import PdbDebugFile
from tests.synth.pdb import build_pdb


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, []),
        ({"features": (0x494E494D,)}, ["/DEBUG:FASTLINK"]),
        ({"machine": 0xC0EE}, [".NET"]),
        ({"with_modules": False, "public": False}, ["types alone"]),
    ],
)
def test_a_pdb_without_functions_says_why(options, words):
    absent = PdbDebugFile(build_pdb(**options), "x86_64").absent

    assert len(absent) == len(words)
    assert all(word in sentence for word, sentence in zip(words, absent, strict=True))


def test_a_pdb_without_debug_information_of_code_is_of_types_alone():
    with pytest.raises(MalformedFile, match="types alone: the linker writes another one"):
        PdbDebugFile(build_pdb(with_dbi=False), "x86_64")
