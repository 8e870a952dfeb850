"""What triage is asked: its options made ready, and the minidumps read by them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from crashtool.commands.console import Console
from crashtool.errors import UsageError
from crashtool.model.triage.groups import BY, Triage

if TYPE_CHECKING:
    from crashtool.commands.triage_options import TriageOptions
    from crashtool.commands.triaged import Done, RowSetup, Task
    from crashtool.model.triage.grouping_rules import Rules
    from crashtool.model.triage.row import Row
    from crashtool.render.triage import Compared, TriageGate
    from crashtool.services.analyze.inspect_dumps import FoundDump, Unreadable
    from crashtool.services.triage.baseline import Baseline
    from crashtool.services.triage.bucket_dumps import StoredDump
    from crashtool.services.triage.kept_rows import KeptRows
    from crashtool.services.triage.parquet import ParquetRows


class Question:
    """What is asked: the options made ready, before a minidump is read. UsageError."""

    def __init__(
        self, options: TriageOptions, rules: Rules, console: Console, *, is_baseline_typed: bool
    ) -> None:
        from crashtool.services.triage.crash_filter import Conditions, parse_moment, parse_where

        self.options = options
        self.rules = rules
        self.by, *extra = [part.strip() for part in options.by.split(",")]
        if self.by not in BY:  # the first may be left out: by version is by signature and version
            self.by, extra = "signature", [self.by, *extra]
        if not all(extra):
            raise UsageError(f"--by {options.by}: a key is empty")
        self.extra = tuple(extra)
        since, until = (
            parse_moment(text, f"--{name}") if text else None
            for name, text in (("since", options.since), ("until", options.until))
        )
        where = tuple(map(parse_where, options.where))
        self.conditions: Conditions = Conditions(since, until, options.versions, where)
        self._versions = _parse_versions(options.compare)
        self._sessions = dict(map(_parse_sessions, options.sessions))
        self._check()
        self._baseline = self._find_baseline(console, is_typed=is_baseline_typed)

    def _check(self) -> None:
        options = self.options
        if "new" in options.fail_on and not options.triage_baseline:
            raise UsageError("--fail-on new requires --baseline", hint="--baseline FILE")
        if "regression" in options.fail_on and not options.compare:
            raise UsageError("--fail-on regression requires --compare", hint="--compare OLD,NEW")
        if self._sessions and not set(self._versions) <= set(self._sessions):
            raise UsageError(
                "--sessions must be given for both versions or for neither",
                hint="as in --compare 1.4.1,1.4.2 --sessions 1.4.1=20000 --sessions 1.4.2=9000",
            )

    def _find_baseline(self, console: Console, *, is_typed: bool) -> Baseline | None:
        """The baseline to compare with. One that only the settings name may be of no use."""
        path, is_asked = self.options.triage_baseline, "new" in self.options.fail_on
        if not path or (self.options.save_baseline and not is_typed and not is_asked):
            return None
        try:
            return self._read_baseline(path)
        except UsageError as error:
            if is_typed or is_asked:
                raise
            console.warn(f"not compared with a baseline: {error.what}", hint=error.hint)
            return None

    def _read_baseline(self, path: str) -> Baseline:
        from crashtool.services.triage.baseline import check_match, read_baseline

        baseline = read_baseline(path)
        if not self.options.baseline_anyway:
            check_match(baseline, self.options.by, self.rules.digest, path)
        return baseline

    def read(self, console: Console, inputs: Sequence[str]) -> Triage:
        """The groups of all that the inputs stand for."""
        from crashtool.model.triage.groups import Grouping, merge_related
        from crashtool.model.triage.similarity import attach_related, find_clusters, find_related
        from crashtool.services.triage.crash_filter import choose

        grouping = Grouping(self.by, self.extra)
        self._prepare_outputs(console)
        with ExitStack() as stack:
            write = _open_rows(self.options.rows, console, stack)
            table = _open_parquet(self.options.parquet, stack)
            rows = self._walk_rows(inputs, console, stack)
            for row in choose(
                rows, self.conditions, count_duplicates=self.options.count_duplicates
            ):
                grouping.add(row)
                if write:
                    write(_write_row(row))
                if table:
                    table.add(row)
        triage = grouping.finish()
        pairs = find_related(triage.groups)
        if self.by == "related":
            clusters = find_clusters((group.key for group in triage.groups), pairs)
            return merge_related(triage, clusters)
        return triage._replace(groups=tuple(attach_related(triage.groups, pairs)))

    def _prepare_outputs(self, console: Console) -> None:
        """Before any work, make sure that no minidump would be overwritten, and remove what a call
        that was killed has left beside the files that this one writes, too. UsageError.
        """
        options = self.options
        for path in (options.rows, options.parquet, options.html, options.save_baseline):
            if path and path != "-":
                from pathlib import Path

                from crashtool.services.files.whole_file import remove_partials, spare_minidump

                spare_minidump(Path(path))
                for partial in remove_partials(Path(path)):
                    console.note(f"removed {partial}, which a call that was killed has left")

    def _walk_rows(
        self, inputs: Sequence[str], console: Console, stack: ExitStack
    ) -> Iterator[Row]:
        from crashtool.commands.triaged import RowSetup, read_rows

        address, jobs = self.options.cluster, self.options.jobs
        setup = RowSetup(
            self.options.lookup,
            self.rules.frame_rules,
            self.rules.groups,
            self.rules.frames,
            self._keys(),
        )
        if address:
            from crashtool.commands.triage_cluster import adapt, read_rows_on_cluster

            setup = adapt(setup, address)
        kept = self._open_kept(setup, console, stack)
        tasks = Tasks(sorted(set(_expand(inputs))), kept, stack, fetches=not address)
        if address:
            finished = read_rows_on_cluster(iter(tasks), setup, console, address, jobs)
        else:
            finished = read_rows(iter(tasks), setup, console, jobs)
        for done in finished:
            tasks.finish(done)
            if done.row is not None:
                yield done.row
        tasks.check()

    def _keys(self) -> tuple[str, ...]:
        """The annotations that are asked for."""
        names = (*self.extra, *(key for key, _ in self.conditions.where))
        return tuple(sorted({name.removeprefix("annotation.") for name in names}))

    def _open_kept(self, setup: RowSetup, console: Console, stack: ExitStack) -> KeptRows | None:
        if not self.options.work:
            return None
        from crashtool.services.triage.kept_rows import KeptRows, name_state

        told = [repr(getattr(setup.lookup, name)) for name in STATE_OPTIONS]
        told += [self.rules.digest, *setup.keys]
        state = name_state(told, setup.lookup.symbols or ())
        return stack.enter_context(KeptRows(self.options.work, state, console.warn))

    def compare(self, triage: Triage) -> Compared | None:
        """Each group's rates in two versions."""
        if not self._versions:
            return None
        from crashtool.model.triage.regression import compare, settle
        from crashtool.render.triage import Compared

        before, after = self._versions
        counts = dict(triage.versions)
        exposure = self._sessions or counts
        for version in self._versions:
            if not exposure.get(version):
                raise UsageError(
                    f"--compare: no crash is of version {version}",
                    hint="versions here: " + ", ".join(name for name in counts if name),
                )
        groups = [group for group in triage.groups if group.quality in ("named", "guess")]
        comparisons = [
            compare(
                group.count_of(before), group.count_of(after), exposure[before], exposure[after]
            )
            for group in groups
        ]
        unit = "start" if self._sessions else "crash of the version: a share, no rate"
        rows = tuple(zip(groups, settle(comparisons), strict=True))
        return Compared(before, after, unit, (exposure[before], exposure[after]), rows)

    def hold_to_baseline(self, triage: Triage) -> TriageGate | None:
        """What is new."""
        if self._baseline is None:
            return None
        from crashtool.render.triage import TriageGate
        from crashtool.services.triage.baseline import find_new

        new = find_new(triage, self._baseline, self.options.min_count)
        return TriageGate(self.options.triage_baseline or "", self._baseline.reports, new)

    def save(self, triage: Triage, path: str) -> None:
        """Write a baseline. CannotWrite."""
        from crashtool.services.triage.baseline import make_baseline, save_baseline

        baseline = make_baseline(triage, self.options.by, self.rules.digest)
        save_baseline(baseline, path)


STATE_OPTIONS = ("symbols", "symbol_servers", "offline", "no_local_symbols")


class Tasks:
    """What is to be read, in order; what is kept of it already is not read again.

    Unless it `fetches` objects here, whoever reads them does.
    """

    def __init__(
        self, paths: Sequence[str], kept: KeptRows | None, stack: ExitStack, *, fetches: bool
    ) -> None:
        self._paths = paths
        self._kept = kept
        self._stack = stack
        self._fetches = fetches
        self._temporary: dict[str, Any] = {}
        self._left = 0

    def __iter__(self) -> Iterator[Task]:
        from crashtool.commands.triaged import Task
        from crashtool.services.analyze.inspect_dumps import FoundDump
        from crashtool.services.triage.kept_rows import identify

        for source in self._walk_found():
            self._left += 1
            if isinstance(source, FoundDump) and source.temporary:
                self._temporary[source.path] = source
            if not self._kept or not isinstance(source, FoundDump):
                yield Task(source)
            elif row := self._kept.find(source):
                yield Task(row)
            else:
                yield Task(source, identify(source))

    def _walk_found(self) -> Iterator[FoundDump | StoredDump | Unreadable]:
        from crashtool.services.analyze.inspect_dumps import walk_dumps
        from crashtool.services.triage.bucket_dumps import (
            StoredDump,
            is_bucket,
            list_keys,
            walk_bucket,
        )

        buckets = [path for path in self._paths if is_bucket(path)]
        yield from walk_dumps([path for path in self._paths if not is_bucket(path)], self._stack)
        if buckets and not self._fetches:
            for url in buckets:
                yield from map(StoredDump, list_keys(url))
        elif buckets:
            from crashtool.services.files.scratch import Scratch

            scratch = self._stack.enter_context(Scratch())
            for url in buckets:
                yield from walk_bucket(url, scratch)

    def finish(self, done: Done) -> None:
        """Keep what was read, and let go of what was unpacked for it."""
        self._left -= 1
        if done.row is None:
            return
        if temporary := self._temporary.pop(done.row.path, None):
            temporary.discard()
        if self._kept:
            self._kept.add(done.identity, done.row)

    def check(self) -> None:
        """RuntimeError, a bug, if more went in than came out: a crash may not get lost in silence.

        All sums of the answer are made of what came out.
        """
        if self._left:
            raise RuntimeError(f"{self._left} minidumps were read and gave no row")


def _expand(inputs: Sequence[str]) -> Iterator[str]:
    """The inputs, with the paths that stdin names in the place of `-`."""
    for text in inputs:
        if text == "-":
            yield from filter(None, (line.rstrip("\r\n") for line in sys.stdin or ()))
        else:
            yield text


def _open_rows(
    path: str | None, console: Console, stack: ExitStack
) -> Callable[[str], None] | None:
    """What takes the JSON of each row: the console for `-`, a file, or None."""
    if not path:
        return None
    if path == "-":
        return console.line
    from io import TextIOWrapper
    from pathlib import Path

    from crashtool.services.files.whole_file import FOR_THE_OWNER, open_whole

    file = stack.enter_context(open_whole(Path(path), FOR_THE_OWNER))
    text = stack.enter_context(TextIOWrapper(file, "ascii", newline="\n"))

    def write(line: str) -> None:
        text.write('{"schema_version": 1, ' + line[1:] + "\n")

    return write


def _open_parquet(path: str | None, stack: ExitStack) -> ParquetRows | None:
    if not path:
        return None
    from pathlib import Path

    from crashtool.services.files.whole_file import FOR_THE_OWNER, open_whole
    from crashtool.services.triage.parquet import ParquetRows

    return stack.enter_context(
        ParquetRows(stack.enter_context(open_whole(Path(path), FOR_THE_OWNER)))
    )


def _write_row(row: Row) -> str:
    import json

    from crashtool.model.triage.row import row_document

    return json.dumps(row_document(row))


def _parse_versions(text: str | None) -> tuple[str, ...]:
    if not text:
        return ()
    versions = tuple(part.strip() for part in text.split(","))
    if len(versions) != 2 or not all(versions) or versions[0] == versions[1]:  # noqa: PLR2004
        raise UsageError(
            f"--compare {text}: two versions, the older first", hint="as in --compare 1.4.1,1.4.2"
        )
    return versions


def _parse_sessions(text: str) -> tuple[str, int]:
    version, equals, number = text.rpartition("=")
    if not equals or not number.isdecimal() or not int(number):
        raise UsageError(f"--sessions {text}: write VERSION=N", hint="as in 1.4.2=9000")
    return version, int(number)
