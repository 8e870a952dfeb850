"""Debug ids, code ids and build ids: each convention's spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashtool.errors import InputUnusable
from crashtool.formats.identifiers import BuildId, CodeId, DebugId

GUID = bytes.fromhex("33221100554477668899aabbccddeeff")
TEXT_ORDER = bytes.fromhex("00112233445566778899aabbccddeeff")


def test_a_guid_is_spelled_in_text_order():
    debug_id = DebugId.from_guid(GUID, 10)
    assert debug_id == DebugId.from_uuid(TEXT_ORDER, 10)
    assert debug_id.breakpad == "00112233445566778899AABBCCDDEEFFa"
    assert debug_id.text == str(debug_id) == "00112233-4455-6677-8899-aabbccddeeff-a"


def test_age_zero_is_spelled_by_breakpad_only():
    debug_id = DebugId.from_uuid(TEXT_ORDER)
    assert debug_id.breakpad.endswith("FF0")
    assert debug_id.text.endswith("eeff")


def test_an_nb10_id_has_signature_and_age():
    debug_id = DebugId.from_signature(0x3BADF00D, 18)
    assert debug_id.breakpad == "3BADF00D12"
    assert debug_id.text == "3badf00d-12"


@pytest.mark.parametrize(
    "text",
    [
        "00112233445566778899AABBCCDDEEFF1",
        "00112233445566778899aabbccddeeff1",
        "00112233-4455-6677-8899-aabbccddeeff-1",
        " 00112233-4455-6677-8899-AABBCCDDEEFF-1 ",
        "{00112233-4455-6677-8899-aabbccddeeff}-1",
        "00112233-4455-6677-8899-aabbccddeeff1",
    ],
)
def test_every_spelling_of_a_debug_id_is_understood(text):
    assert DebugId.parse(text) == DebugId.from_uuid(TEXT_ORDER, 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "0011",
        "00112233",
        "00112233-4455+6677-8899-aabbccddeeff",
        "g0112233445566778899AABBCCDDEEFF1",
        "00112233445566778899AABBCCDDEEFF123456789",
        "00 112233445566778899AABBCCDDEEFF1",
        "0011223344556677-8899AABBCCDDEEFF1",
    ],
)
def test_what_is_no_debug_id_is_refused(text):
    with pytest.raises(InputUnusable, match="is not a debug id"):
        DebugId.parse(text)


@given(st.binary(min_size=16, max_size=16), st.integers(0, 0xFFFFFFFF))
def test_both_spellings_of_any_debug_id_lead_back(raw, age):
    debug_id = DebugId.from_uuid(raw, age)
    assert DebugId.parse(debug_id.breakpad) == DebugId.parse(debug_id.text) == debug_id


@given(st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF))
def test_both_spellings_of_any_short_id_lead_back(signature, age):
    debug_id = DebugId.from_signature(signature, age)
    assert DebugId.parse(debug_id.breakpad) == DebugId.parse(debug_id.text) == debug_id


@given(st.text(max_size=60))
def test_no_text_breaks_the_parser(text):
    try:
        debug_id = DebugId.parse(text)
    except InputUnusable:
        return
    assert DebugId.parse(debug_id.text) == debug_id


def test_zero_bytes_are_no_id():
    assert DebugId.from_guid(bytes(16), 1).is_nil
    assert not DebugId.from_guid(GUID).is_nil
    assert BuildId(bytes(20)).is_nil
    assert not BuildId(b"\1").is_nil


def test_a_build_id_gives_the_debug_id_that_breakpad_makes_of_it():
    build_id = BuildId(GUID + bytes(4))
    assert build_id.debug_id == DebugId.from_uuid(TEXT_ORDER)
    assert build_id.hex == str(build_id) == GUID.hex() + "00000000"


def test_a_short_build_id_is_filled_with_zeros():
    assert BuildId(b"\x34\x12").debug_id.text == "00001234-0000-0000-0000-000000000000"


def test_code_ids_of_all_spellings_are_equal():
    assert CodeId.parse("57F6101B545A000") == CodeId("57f6101b545a000")
    assert str(CodeId.parse("00112233-4455")) == "001122334455"


@pytest.mark.parametrize("text", ["", "-", "xyz", "12 34"])
def test_what_is_no_code_id_is_refused(text):
    with pytest.raises(InputUnusable, match="is not a code id"):
        CodeId.parse(text)
