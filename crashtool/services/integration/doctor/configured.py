"""What the settings say: those in effect, and those of a crashtool.toml that was found."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from crashtool.errors import UsageError
from crashtool.formats.attributes import Attachment, Attribute, parse_attachment, split_pair
from crashtool.formats.crashpad.markers import UPSTREAM
from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.submission_url import build_url, new_submission_url
from crashtool.formats.text_file import read_text_file
from crashtool.formats.toml import parse_toml
from crashtool.model.doctor import HANDLER, Subject
from crashtool.services.integration.annotation_sources import mark_folders
from crashtool.services.integration.doctor.examination import Examination
from crashtool.services.integration.doctor.sniffing import read_markers
from crashtool.services.settings.layers import take_from_file
from crashtool.services.settings.table import SETTINGS as KNOWN


class Configured(NamedTuple):
    """The values of one subject, and what findings call each value's place."""

    values: dict[str, Any]
    places: dict[str, str]

    def locate(self, name: str) -> str:
        """Where a value stands, for a finding."""
        return self.places.get(name, f"the setting {name}")

    @property
    def annotations(self) -> tuple[Attribute, ...]:
        """The annotations, in their order."""
        return tuple(map(_as_annotation, self.values.get("annotations") or ()))

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """The attachments, with folders marked."""
        return mark_folders(
            tuple(parse_attachment(text) for text in self.values.get("attachments") or ())
        )


def read_configured(subject: Subject, examination: Examination) -> Configured:
    """The settings in effect, or a file's own as far as they are other ones.

    InputUnusable and UsageError for a file that cannot be read.
    """
    options = examination.options
    in_effect = {name: value for name, value in options.settings.items() if value}
    if not subject.path:
        return Configured(in_effect, dict(options.sources))
    values = examination.recall(_read_file, subject.path)
    own = {name: value for name, value in values.items() if not _is_same(name, value, in_effect)}
    return Configured(own, dict.fromkeys(own, subject.path))


def _is_same(name: str, value: Any, in_effect: dict[str, Any]) -> bool:
    other = in_effect.get(name)
    if name == "annotations":
        return set(value) <= set(map(_as_annotation, other or ()))
    return set(value) <= set(other or ()) if isinstance(value, list) else bool(value == other)


def _as_annotation(item: str | Attribute) -> Attribute:
    """A `KEY=VALUE` as flags give it; a file's own has its key apart, whatever is in it."""
    return item if isinstance(item, Attribute) else split_pair(item)


def _read_file(path: str) -> dict[str, Any]:
    """A file's values as the commands take them, as far as they are known and of the right kind."""
    values: dict[str, Any] = {}
    for name, value in parse_toml(read_text_file(path), path).items():
        if name == "annotations" and isinstance(value, dict):
            values[name] = [Attribute(key, _text(item)) for key, item in value.items()]
        elif name in KNOWN:
            with suppress(UsageError):
                values[name] = take_from_file(KNOWN[name], value, os.path.abspath(path))  # noqa: PTH100
    return values


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def find_url(configured: Configured) -> str:
    """The submission URL, built from its pieces where those are set; "" without either."""
    values = configured.values
    if values.get("url"):
        return str(values["url"])
    if not (values.get("universe") or values.get("host")) or not values.get("token"):
        return ""
    try:
        url = new_submission_url(
            universe=values.get("universe") or "",
            host=values.get("host") or "",
            token=values["token"],
        )
    except UsageError:
        return ""
    return build_url(url)


def find_handler_kind(examination: Examination) -> str:
    """Whose handler the settings are for: that of those found, where they are of one family."""
    families = set()
    for handler in examination.of_kind(HANDLER):
        try:
            families.add(examination.recall(read_markers, handler.path).family)
        except OSError:
            continue
    families.discard("")
    return families.pop() if len(families) == 1 else UPSTREAM
