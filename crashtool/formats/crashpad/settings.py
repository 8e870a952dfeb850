"""settings.dat: the consent to upload, the client id, and when an upload was last tried."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from crashtool.errors import MalformedFile
from crashtool.formats.record import I64, U32, Bytes16, Record

if TYPE_CHECKING:
    from crashtool.formats.record import Buffer

MAGIC = 0x43506473  # "sdPC" in the file
VERSION = 1
UPLOADS_ENABLED = 1
UPLOADS_PAUSED = 2  # Sentry's handler only: reports stay pending


class DatabaseSettings(Record):
    """Settings::Data (client/settings.cc), 40 bytes."""

    magic: U32
    version: U32
    options: U32
    padding: U32
    last_upload_attempt_time: I64
    client_id_bytes: Bytes16

    @property
    def uploads_enabled(self) -> bool:
        """Whether the user agreed to uploads; off in a fresh database."""
        return bool(self.options & UPLOADS_ENABLED)

    @property
    def uploads_paused(self) -> bool:
        """Whether Sentry's handler keeps reports back for now."""
        return bool(self.options & UPLOADS_PAUSED)

    @property
    def client_id(self) -> UUID:
        """Who this installation is to the server: the `guid` of its uploads."""
        return UUID(bytes_le=bytes(self.client_id_bytes))

    @property
    def last_upload_attempt(self) -> int | None:
        """When an upload was last tried, successful or not: Unix time; None for never."""
        return self.last_upload_attempt_time or None


def new_settings(client_id: UUID, *, uploads_enabled: bool) -> DatabaseSettings:
    """Settings of a fresh database; `.pack()` gives the bytes of its settings.dat."""
    return DatabaseSettings(
        magic=MAGIC,
        version=VERSION,
        options=UPLOADS_ENABLED if uploads_enabled else 0,
        client_id_bytes=client_id.bytes_le,
    )


def read_settings(data: Buffer) -> DatabaseSettings:
    """The settings in the bytes of a settings.dat.

    Bytes beyond the struct are accepted, as Crashpad does since 2024. MalformedFile for what makes
    a running handler throw the file away: cut short, another magic, another version.
    """
    hint = "the next handler that starts replaces it: new client id, uploads disabled"
    if len(data) < DatabaseSettings.SIZE:
        what = "is empty" if not len(data) else f"has {len(data)} of {DatabaseSettings.SIZE} bytes"
        raise MalformedFile(f"settings.dat {what}; it ends", offset=len(data), hint=hint)
    settings = DatabaseSettings.read(data)
    if settings.magic != MAGIC:
        raise MalformedFile(
            f"settings.dat has magic {settings.magic:#010x}, not {MAGIC:#010x}", offset=0, hint=hint
        )
    if settings.version != VERSION:
        raise MalformedFile(
            f"settings.dat has version {settings.version}, not {VERSION}", offset=4, hint=hint
        )
    return settings
