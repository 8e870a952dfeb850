"""Tokens and passwords in any text cut down to what still tells them apart."""

from __future__ import annotations

import re

KEPT = 6

# A token is 64 hex characters, but one that lost a character or gained some is nearly as secret.
# 48 keeps clear of build ids and commits (40 hex characters) and of debug ids (33).
_HEX_RUN = r"[0-9A-Fa-f]{48,}"
_TOKEN_WORD, _HOST = "token=", "backtrace"  # case folding spells these letters in one way
_IN_QUERY = r"(?i)(?<![A-Za-z])(token=)([^&#;\s\"'<>…]{12,})"
_IN_PATH = r"(?i)(//submit\.backtrace\.io(?::\d*)?/+[^/\s?#]+/+)([^/\s?#&\"'<>…]{12,})"
_AFTER_USER = r"(//[^/?#\s@:]*:)([^/?#\s]+)(?=@)"


def redact_token(text: str) -> str:
    """`text` with each token shown by its first 6 characters, each URL password not at all.

    Masked are runs of 48 and more hex characters anywhere, the value of `token=` and the token's
    place in a hosted URL when 12 characters or longer, and the password of `user:password@`.
    """
    if "@" in text:
        text = re.sub(_AFTER_USER, r"\1…", text)
    folded = text.casefold()  # what ignoring case may match; few texts need patterns compiled
    for word, pattern in ((_TOKEN_WORD, _IN_QUERY), (_HOST, _IN_PATH)):
        if word in folded:
            text = re.sub(pattern, lambda match: match[1] + _cut(match[2]), text)
    return re.sub(_HEX_RUN, lambda match: _cut(match[0]), text)


def _cut(secret: str) -> str:
    return f"{secret[:KEPT]}…"
