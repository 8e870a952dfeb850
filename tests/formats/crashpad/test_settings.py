from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashtool.errors import MalformedFile
from crashtool.formats.crashpad.settings import DatabaseSettings, new_settings, read_settings

CLIENT = UUID("00112233-4455-6677-8899-aabbccddeeff")


def test_the_struct_has_the_size_that_crashpad_writes():
    assert DatabaseSettings.SIZE == 40


def test_a_fresh_file_has_the_bytes_that_crashpad_writes():
    expected = (
        "73645043 01000000 01000000 00000000 0000000000000000 33221100554477668899aabbccddeeff"
    )
    assert new_settings(CLIENT, uploads_enabled=True).pack() == bytes.fromhex(expected)


@given(st.uuids(), st.booleans(), st.binary(max_size=9))
def test_what_was_packed_is_read_back_and_a_longer_file_is_accepted(client, enabled, tail):
    settings = read_settings(new_settings(client, uploads_enabled=enabled).pack() + tail)
    assert settings.client_id == client
    assert settings.uploads_enabled is enabled
    assert not settings.uploads_paused
    assert settings.last_upload_attempt is None


def test_unknown_options_and_times_are_kept():
    settings = new_settings(CLIENT, uploads_enabled=False)
    changed = settings.replace(options=0x86, padding=7, last_upload_attempt_time=1_700_000_000)
    again = read_settings(changed.pack())
    assert again == changed
    assert again.uploads_paused
    assert not again.uploads_enabled
    assert again.last_upload_attempt == 1_700_000_000


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (new_settings(CLIENT, uploads_enabled=True).pack()[:39], "has 39 of 40 bytes"),
        (b"CPds" + new_settings(CLIENT, uploads_enabled=True).pack()[4:], "magic 0x73645043"),
        (new_settings(CLIENT, uploads_enabled=True).replace(version=2).pack(), "version 2, not 1"),
    ],
)
def test_a_file_that_a_handler_would_throw_away_says_why(data, words):
    with pytest.raises(MalformedFile, match=words) as caught:
        read_settings(data)
    assert "new client id" in caught.value.hint


def test_the_settings_of_real_databases_are_read(truth):
    enabled = {
        folder.name: read_settings((folder / "settings.dat").read_bytes()).uploads_enabled
        for folder in (truth / "windows-databases").iterdir()
        if (folder / "settings.dat").exists()
    }
    assert enabled.pop("uploads_disabled") is False
    assert enabled
    assert all(enabled.values())
