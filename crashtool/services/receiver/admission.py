"""What may come in before a token is known: little, and not for long.

Backtrace's root form carries the token as a field of the form. Until it has come, anyone may be
sending; handlers put fields before files.
"""

from __future__ import annotations

from crashtool.services.receiver.body_decoder import Refusal
from crashtool.services.receiver.ingest import FORBIDDEN, Endpoint, Tokens, is_any

UNKNOWN_BYTES = 1 << 20  # decoded, before the token
UNKNOWN_FILES = 16
UNKNOWN_SECONDS = 20.0


class Admission:
    """Whether a request's sender is known yet; Refusal (403) for one that goes too far unknown."""

    def __init__(self, endpoint: Endpoint, tokens: Tokens) -> None:
        asks = tokens.submission or (endpoint.is_symbols and tokens.symbols)
        self._tokens = tokens
        self._left = UNKNOWN_BYTES
        self._files = 0
        self.is_open = not asks

    def check_raw(self) -> None:
        """A body that is one file brings no token."""
        if not self.is_open:
            raise Refusal(FORBIDDEN, "invalid token")

    def check_data(self, size: int) -> None:
        """Before the next bytes are kept."""
        self._left -= size
        if not self.is_open and self._left < 0:
            raise _too_late()

    def check_file(self) -> None:
        """Before another file is kept."""
        self._files += 1
        if not self.is_open and self._files > UNKNOWN_FILES:
            raise _too_late()

    def take_field(self, name: bytes, value: bytes) -> None:
        """A field that is whole: it may be the token."""
        if self.is_open or name != b"token":
            return
        if not is_any(value.decode("utf-8", "replace"), self._tokens):
            raise Refusal(FORBIDDEN, "invalid token")
        self.is_open = True


def _too_late() -> Refusal:
    return Refusal(
        FORBIDDEN,
        "invalid token: none in the first 1,048,576 bytes; put the field before the files, or the "
        "token into the URL",
    )
