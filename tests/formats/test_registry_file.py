"""Registry files: what regedit writes is read, what it would not take is refused by line."""

import pytest

from crashtool.errors import InputUnusable
from crashtool.formats.registry_file import (
    RegistryValue,
    index_registry,
    pack_registry_file,
    parse_registry_file,
)
from crashtool.formats.text_file import decode_text

HEADER = "Windows Registry Editor Version 5.00\n\n"


def parse(body, header=HEADER):
    return parse_registry_file(header + body, "x.reg")


def test_each_kind_of_data_is_read():
    rows = parse(
        '[HKEY_LOCAL_MACHINE\\SOFTWARE\\a b]\n@="main"\n"n"=dword:00000A00\n'
        '"path"="C:\\\\x \\"y\\""\n"raw"=hex(2):25,00,\\\n  41,00\n"gone"=-\n; note\n'
        "[-HKEY_CURRENT_USER\\Old]\n"
    )
    key = "HKEY_LOCAL_MACHINE\\SOFTWARE\\a b"
    assert rows == (
        RegistryValue(key, "", "main"),
        RegistryValue(key, "n", 0xA00),
        RegistryValue(key, "path", 'C:\\x "y"'),
        RegistryValue(key, "raw", b"%\0A\0"),
        RegistryValue(key, "gone", None),
        RegistryValue("HKEY_CURRENT_USER\\Old", None, None),
    )


def test_the_last_word_counts_whatever_the_case():
    rows = parse(
        '[A\\B]\n"N"=dword:1\n"m"="x"\n[a\\b\\c]\n"deep"=dword:2\n[a\\bc]\n"near"=dword:3\n'
        '[a\\b]\n"n"=dword:4\n"M"=-\n'
    )
    assert index_registry(rows) == {
        ("a\\b", "n"): 4,
        ("a\\b\\c", "deep"): 2,
        ("a\\bc", "near"): 3,
    }
    deleted = (*rows, RegistryValue("A\\b", None, None))
    assert index_registry(deleted) == {("a\\bc", "near"): 3}


def test_the_old_header_counts_too():
    assert parse("[A]\n", "REGEDIT4\n") == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a .reg file"),
        ("[A]\n", "is not a .reg file"),
        (HEADER + '"n"=dword:1\n', "line 3: a value without a key"),
        (HEADER + '[-A]\n"n"=dword:1\n', "line 4: a value without a key"),
        (HEADER + "[A]\nnonsense\n", "line 4: neither a key nor a value"),
        (HEADER + "[]\n", "line 3: neither a key nor a value"),
        (HEADER + '[A]\n"n"=dword:123456789\n', "line 4: the data is neither dword"),
        (HEADER + '[A]\n"n"=0xa00\n', "line 4: the data is neither dword"),
        (HEADER + '[A]\n"n"=hex:0102\n', "line 4: the data is neither dword"),
    ],
)
def test_what_regedit_would_not_take_is_named_by_its_line(text, message):
    with pytest.raises(InputUnusable, match=r"x\.reg") as caught:
        parse_registry_file(text, "x.reg")
    assert message in caught.value.what


def test_a_line_that_the_end_of_the_file_cuts_is_read_as_far_as_it_goes():
    assert parse('[A]\n"n"=hex:00,\\\n')[0].data == b"\0"


def test_a_packed_file_is_what_regedit_writes():
    packed = pack_registry_file(HEADER + "[A]\n")
    assert packed[:4] == b"\xff\xfeW\0"
    assert packed.count(b"\r\0\n\0") == 3
    assert parse_registry_file(decode_text(packed, "x.reg"), "x.reg") == ()


def test_a_long_line_without_an_end_is_refused_in_time():
    with pytest.raises(InputUnusable):
        parse('[A]\n"n"="' + "\\" * 200_001 + "\n")
    for digits in ("0,", "00"):
        with pytest.raises(InputUnusable):
            parse('[A]\n"n"=hex:' + digits * 100_000 + "x\n")
    assert len(parse('[A]\n"n"=hex:' + "00,\\\n  " * 100_000 + "01\n")[0].data) == 100_001
