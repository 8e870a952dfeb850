"""The outcome of an end-to-end proof: named checks, each with its reason and next step."""

from __future__ import annotations

from crashtool.formats.named_tuple import NamedTuple


class SmokeCheck(NamedTuple):
    """One thing that was to be proved. `hint`: what to do, when it was not."""

    name: str
    passed: bool
    detail: str = ""
    hint: str = ""


class SmokeResult(NamedTuple):
    """All checks that could be made, in order; a later one is missing when an earlier one failed.

    `handler`: the handler's path; `target`: the URL the report was sent to; `minidump` and
    `log`: the path of the one, and what the handler said. `seconds`: how long it all took.
    """

    checks: tuple[SmokeCheck, ...]
    handler: str | None = None
    target: str | None = None
    minidump: str | None = None
    reply: str | None = None
    log: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether everything was proved."""
        return all(check.passed for check in self.checks)
