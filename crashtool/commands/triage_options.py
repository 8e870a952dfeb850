"""What triage was asked, as click and the settings give it."""

from __future__ import annotations

from crashtool.commands.options import SymbolOptions
from crashtool.formats.named_tuple import NamedTuple


class TriageOptions(NamedTuple):
    """The options of one call; `lookup` are those of symbols."""

    triage_rules: str | None
    by: str
    since: str | None
    until: str | None
    versions: tuple[str, ...]
    where: tuple[str, ...]
    count_duplicates: bool
    top: int
    compare: str | None
    sessions: tuple[str, ...]
    triage_baseline: str | None
    baseline_anyway: bool
    save_baseline: str | None
    min_count: int
    fail_on: tuple[str, ...]
    rows: str | None
    parquet: str | None
    html: str | None
    ci_system: str | None
    work: str | None
    explain: str | None
    jobs: int | None
    cluster: str | None
    lookup: SymbolOptions
