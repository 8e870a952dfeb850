"""Which certificates are trusted: a file of one's own, or the usual ones."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from crashtool.errors import InputUnusable, reason_of

if TYPE_CHECKING:
    import ssl

CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


def find_ca_bundle(chosen: str | None) -> str | None:
    """The PEM file to trust: `chosen`, or what the usual variables name; None: the default one.

    InputUnusable when the file is not there.
    """
    named = [("--ca-bundle", chosen)] + [(name, os.environ.get(name)) for name in CA_VARIABLES]
    for origin, path in named:
        if path:
            if not os.path.exists(path):  # noqa: PTH110 (requests takes a str)
                raise InputUnusable(f"the CA bundle {path} (from {origin}) does not exist")
            _check_pem(path, origin)
            return path
    return None


def open_system_store() -> ssl.SSLContext | None:
    """On Windows, what its own store trusts, such as a company's authority; None elsewhere.

    The certificates that requests brings are added by it.
    """
    if os.name != "nt":
        return None
    import ssl  # slow to load, and not for plain HTTP

    return ssl.create_default_context()


def _check_pem(path: str, origin: str) -> None:
    if os.path.isdir(path):  # noqa: PTH112 (a folder of hashed certificates is fine)
        return
    import ssl

    try:
        ssl.create_default_context().load_verify_locations(path)
    except (OSError, ssl.SSLError) as error:
        raise InputUnusable(
            f"the CA bundle {path} (from {origin}) cannot be used: {reason_of(error)}",
            hint="it must hold certificates in PEM form (-----BEGIN CERTIFICATE-----)",
        ) from None
