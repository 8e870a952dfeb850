"""The refusal of containers that are known and not opened here, and what to do instead."""

from __future__ import annotations

from crashtool.errors import InputUnusable

FOLDER_HINT = "give the folder it unpacks to"


class NotOpened(InputUnusable):
    """A container of a kind that is not opened here: nothing is wrong with it."""
