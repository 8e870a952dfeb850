"""How a call sends, whatever it sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashtool.formats.named_tuple import NamedTuple

if TYPE_CHECKING:
    from crashtool.services.scrub.secret_spans import Finder


class SendOptions(NamedTuple):
    """What a user may ask of a sender.

    An outage is put up with for `retry_for` seconds, None for as long as is usual. `again` sends
    what the journal knows as accepted all the same; `digests` asks for a SHA-256 in every receipt;
    `jobs` dumps are sent at once; what `scrub` finds in them is overwritten in a copy, and that is
    sent. `without_consent` sends what a database holds whatever the user's setting in it says.
    """

    retry_for: float | None = None
    again: bool = False
    digests: bool = False
    jobs: int = 1
    scrub: tuple[Finder, ...] = ()
    without_consent: bool = False
