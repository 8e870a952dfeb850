"""Epilogues of x86-64 functions for Windows, instruction by instruction."""

import pytest

from crashtool.formats.object_file.epilogue import RSP, Epilogue, read_epilogue

RBX, RBP, RDI, R12, R15 = 3, 5, 7, 12, 15


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("c3", Epilogue(RSP, 0, ())),
        ("f3c3", Epilogue(RSP, 0, ())),
        ("4883c428 c3", Epilogue(RSP, 0x28, ())),
        ("4881c450010000 5f 5b c3", Epilogue(RSP, 0x150, (RDI, RBX))),
        ("4883c420 415f 415c 5d c3", Epilogue(RSP, 0x20, (R15, R12, RBP))),
        ("415c 5d c3", Epilogue(RSP, 0, (R12, RBP))),
        ("488d6510 5d c3", Epilogue(RBP, 0x10, (RBP,))),
        ("488da580000000 5d c3", Epilogue(RBP, 0x80, (RBP,))),
        ("498d63e8 5b c3", Epilogue(11, -0x18, (RBX,))),
        ("4883c428 ff2500100000", Epilogue(RSP, 0x28, ())),
        ("4883c428 48ffe0", Epilogue(RSP, 0x28, ())),
        ("4883c428 e900100000", Epilogue(RSP, 0x28, ())),
        ("5b e9f0ffffff", Epilogue(RSP, 0, (RBX,))),  # back to before the function
    ],
)
def test_what_is_left_to_do_is_read_from_the_code(code, expected):
    assert read_epilogue(bytes.fromhex(code), 4, 0x80) == expected


@pytest.mark.parametrize(
    "code",
    [
        "",
        "90c3",
        "4883c428",
        "4883c428 90 c3",
        "4883c428 4883c428 c3",
        "5b 4883c428 c3",
        "5b",
        "41",
        "5c c3",  # pop rsp
        "488d4510 c3",  # lea rax
        "488d642410 c3",  # lea rsp, [rsp + 16] frees a frame nowhere
        "ffe0",  # a jump table's
        "eb10",
        "e910000000",
        "e9100000",
        "eb",
        "48ff",
        "48",
        "488d65",
    ],
)
def test_other_code_is_no_epilogue(code):
    assert read_epilogue(bytes.fromhex(code), 4, 0x80) is None
