"""The triage command: many minidumps to groups, compared with what is known."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from crashtool.commands.command import Command
from crashtool.commands.console import Console
from crashtool.commands.options import symbol_options
from crashtool.errors import (
    CHECK_FAILED,
    DONE,
    INPUT_UNUSABLE,
    PARTIAL,
    NothingFound,
    UsageError,
)
from crashtool.model.triage.groups import BY

if TYPE_CHECKING:
    from collections.abc import Callable

    from crashtool.commands.triaged import Done, RowSetup, Task
    from crashtool.model.triage.groups import Triage
    from crashtool.model.triage.row import Row
    from crashtool.model.triage.rules import Rules
    from crashtool.render.triage import Compared, TriageGate
    from crashtool.services.triage.kept_rows import KeptRows

TOP = 20
LOPSIDED = 0.5  # of all crashes in one group that a rule of the user's names


@click.command(cls=Command)
@click.argument("inputs", nargs=-1, metavar="[PATH]...")
@symbol_options
@click.option(
    "--rules",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Rules of grouping: the table [triage] of this TOML file.",
)
@click.option(
    "--by",
    default="signature",
    show_default=True,
    metavar="KEY[,KEY]...",
    help="Group by signature, function or related (like signatures together), and by further "
    "keys: product, version, os, class, module or an annotation.",
)
@click.option(
    "--since", metavar="TIME", help="Only crashes since then: 7d, 12h, 2w or a date (UTC)."
)
@click.option("--until", metavar="TIME", help="Only crashes before then.")
@click.option(
    "--version",
    "versions",
    multiple=True,
    metavar="GLOB",
    help="Only crashes of these versions of the product. Repeatable.",
)
@click.option(
    "--where",
    multiple=True,
    metavar="KEY=GLOB",
    help="Only crashes whose product, version, os, class, module or annotation matches. "
    "Repeatable.",
)
@click.option("--count-duplicates", is_flag=True, help="Count a report each time that it was sent.")
@click.option(
    "--top", type=click.IntRange(min=0), default=TOP, show_default=True, metavar="N",
    help="Show so many groups; 0 is all. JSON has all.",
)  # fmt: skip
@click.option(
    "--compare",
    metavar="VERSION,VERSION",
    help="Compare each group's rate in two versions, the older first.",
)
@click.option(
    "--sessions",
    multiple=True,
    metavar="VERSION=N",
    help="How often a version was started, for --compare; without it rates are shares of the "
    "version's crashes. Repeatable.",
)
@click.option(
    "--baseline", type=click.Path(dir_okay=False), metavar="FILE",
    help="Compare with the groups in this file.",
)  # fmt: skip
@click.option(
    "--baseline-anyway", is_flag=True, help="Even if it was made with other rules or keys."
)
@click.option(
    "--save-baseline", type=click.Path(dir_okay=False), metavar="FILE",
    help="Write the groups to this file.",
)  # fmt: skip
@click.option(
    "--min-count",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Groups of fewer crashes are not new.",
)
@click.option(
    "--fail-on",
    multiple=True,
    type=click.Choice(["new", "regression"]),
    help="Exit with 4 if a group is new to the baseline, or more frequent in the newer version of "
    "--compare. Repeatable.",
)
@click.option(
    "--rows",
    metavar="FILE",
    help="Write what is known of each minidump to this file, a JSON document a line; - is stdout, "
    "and nothing else is written there.",
)
@click.option(
    "--html",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Also write the groups as a web page that needs nothing else.",
)
@click.option(
    "--work",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Keep what was read in this folder: a call that was interrupted goes on there, and the "
    "next one reads only what is new.",
)
@click.option(
    "--explain",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Show for each call of this minidump whether it counts, and by which rule.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Read so many minidumps at once (default: one for each core).",
)
@click.pass_context
def command(
    context: click.Context, /, console: Console, inputs: tuple[str, ...], **options: Any
) -> None:
    """Group many minidumps by what crashed, count them, and compare versions.

    PATH is a minidump, a folder, a glob pattern, an archive, a Crashpad database or the folder of
    `serve`; - reads paths from standard input, one a line. The groups are those of the signature
    that inspect shows: up to two functions of the program and the class of the crash, the same with
    and without symbols of the system. ~ marks a group by guessed frames, ? a place in one build.

    \b
    Examples:
      crashtool triage crashes/ --symbols symbols/
      crashtool triage crashes/ --by signature,version --since 7d
      crashtool triage crashes/ --save-baseline known-crashes.jsonl
      crashtool triage crashes/ --baseline known-crashes.jsonl --fail-on new
      crashtool triage crashes/ --compare 1.4.1,1.4.2 --sessions 1.4.1=20000 --sessions 1.4.2=9000

    Exit status: 0, 3 when there is no minidump or none can be read, 4 with --fail-on, 8 when only
    some could be read.
    """  # fmt: skip  # noqa: D301 (\b is click's)
    from crashtool.model.triage.rules import Rules

    rules = Rules()
    if options["rules"]:
        from crashtool.services.triage.rules_file import read_rules

        rules = read_rules(options["rules"])
    if options["explain"]:
        _explain(console, options, rules)
        return
    if not inputs:
        raise UsageError("no minidump given", hint="crashtool triage crashes/")
    question = Question(options, rules)
    triage = question.read(console, inputs)
    if not triage.totals.inputs:
        raise NothingFound("no minidump to group")
    compared, gate = question.compare(triage), question.hold_to_baseline(triage)
    if options["save_baseline"]:
        question.save(triage)
    if options["html"]:
        _write_page(options["html"], triage, compared, gate)
    _answer(console, question, triage, compared, gate)
    _warn_of_rules(console, rules, triage)
    context.exit(_find_status(options, triage, compared, gate))


class Question:
    """What is asked: the options made ready, before a minidump is read. UsageError."""

    def __init__(self, options: dict[str, Any], rules: "Rules") -> None:
        from crashtool.services.triage.choosing import Conditions, parse_moment, parse_where

        self.options = options
        self.rules = rules
        self.by, *extra = [part.strip() for part in options["by"].split(",")]
        if self.by not in BY:  # the first may be left out: by version is by signature and version
            self.by, extra = "signature", [self.by, *extra]
        if not all(extra):
            raise UsageError(f"--by {options['by']}: a key is empty")
        self.extra = tuple(extra)
        since, until = (
            parse_moment(options[name], f"--{name}") if options[name] else None
            for name in ("since", "until")
        )
        where = tuple(map(parse_where, options["where"]))
        self.conditions: Conditions = Conditions(since, until, options["versions"], where)
        self._versions = _parse_versions(options["compare"])
        self._sessions = dict(map(_parse_sessions, options["sessions"]))
        self._check()
        self._baseline = self._read_baseline()

    def _check(self) -> None:
        options = self.options
        if "new" in options["fail_on"] and not options["baseline"]:
            raise UsageError("--fail-on new compares with a baseline", hint="--baseline FILE")
        if "regression" in options["fail_on"] and not options["compare"]:
            raise UsageError("--fail-on regression compares two versions", hint="--compare OLD,NEW")
        if self._sessions and not set(self._versions) <= set(self._sessions):
            raise UsageError(
                "--sessions is needed of both versions, or of none",
                hint="as in --compare 1.4.1,1.4.2 --sessions 1.4.1=20000 --sessions 1.4.2=9000",
            )

    def _read_baseline(self) -> Any:
        path = self.options["baseline"]
        if not path:
            return None
        from crashtool.services.triage.baseline import check_match, read_baseline

        baseline = read_baseline(path)
        if not self.options["baseline_anyway"]:
            check_match(baseline, self.options["by"], self.rules.digest, path)
        return baseline

    def read(self, console: Console, inputs: Sequence[str]) -> "Triage":
        """The groups of all that the inputs stand for."""
        from crashtool.model.triage.groups import Grouping, merge_related
        from crashtool.model.triage.similarity import find_clusters, find_related
        from crashtool.services.triage.choosing import choose

        grouping = Grouping(self.by, self.extra)
        with ExitStack() as stack:
            write = _open_rows(self.options["rows"], console, stack)
            rows = self._walk_rows(inputs, console, stack)
            for row in choose(
                rows, self.conditions, count_duplicates=self.options["count_duplicates"]
            ):
                grouping.add(row)
                if write:
                    write(_write_row(row))
        triage = grouping.finish()
        pairs = find_related(triage.groups)
        if self.by == "related":
            clusters = find_clusters((group.key for group in triage.groups), pairs)
            return merge_related(triage, clusters)
        return triage._replace(groups=tuple(_add_related(triage.groups, pairs)))

    def _walk_rows(
        self, inputs: Sequence[str], console: Console, stack: ExitStack
    ) -> "Iterator[Row]":
        from crashtool.commands.triaged import RowSetup, read_rows

        setup = RowSetup(self.options, self.rules.frame_rules, self.rules.groups,
                         self.rules.frames, self._keys())  # fmt: skip
        kept = self._open_kept(setup, stack)
        tasks = Tasks(sorted(set(_expand(inputs))), kept, stack)
        for done in read_rows(iter(tasks), setup, console, self.options["jobs"]):
            tasks.finish(done)
            yield done.row

    def _keys(self) -> tuple[str, ...]:
        """The annotations that are asked for."""
        names = (*self.extra, *(key for key, _ in self.conditions.where))
        return tuple(sorted({name.removeprefix("annotation.") for name in names}))

    def _open_kept(self, setup: "RowSetup", stack: ExitStack) -> "KeptRows | None":
        if not self.options["work"]:
            return None
        from crashtool.services.triage.kept_rows import KeptRows, name_state

        told = [repr(setup.options[name]) for name in STATE_OPTIONS]
        told += [self.rules.digest, *setup.keys]
        state = name_state(told, setup.options["symbols"] or ())
        return stack.enter_context(KeptRows(self.options["work"], state))

    def compare(self, triage: "Triage") -> "Compared | None":
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
        found = [
            compare(group.count_of(before), group.count_of(after), exposure[before],
                    exposure[after])
            for group in groups
        ]  # fmt: skip
        unit = "start" if self._sessions else "crash of the version: a share, no rate"
        rows = tuple(zip(groups, settle(found), strict=True))
        return Compared(before, after, unit, (exposure[before], exposure[after]), rows)

    def hold_to_baseline(self, triage: "Triage") -> "TriageGate | None":
        """What is new."""
        if self._baseline is None:
            return None
        from crashtool.render.triage import TriageGate
        from crashtool.services.triage.baseline import find_new

        new = find_new(triage, self._baseline, self.options["min_count"])
        return TriageGate(self.options["baseline"], self._baseline.reports, new)

    def save(self, triage: "Triage") -> None:
        """Write a baseline. CannotWrite."""
        from crashtool.services.triage.baseline import make_baseline, save_baseline

        baseline = make_baseline(triage, self.options["by"], self.rules.digest)
        save_baseline(baseline, self.options["save_baseline"])


STATE_OPTIONS = ("symbols", "symbol_servers", "offline", "no_local_symbols")


class Tasks:
    """What is to be read, in order; what is kept of it already is not read again."""

    def __init__(self, paths: Sequence[str], kept: "KeptRows | None", stack: ExitStack) -> None:
        self._paths = paths
        self._kept = kept
        self._stack = stack
        self._temporary: dict[str, Any] = {}

    def __iter__(self) -> "Iterator[Task]":
        from crashtool.commands.triaged import Task
        from crashtool.services.analyze.inspect_dumps import FoundDump, walk_dumps
        from crashtool.services.triage.kept_rows import identify

        for found in walk_dumps(self._paths, self._stack):
            if isinstance(found, FoundDump) and found.temporary:
                self._temporary[found.path] = found
            if self._kept and (row := self._kept.find(found)):
                yield Task(row)
            elif self._kept and isinstance(found, FoundDump):
                yield Task(found, identify(found))
            else:
                yield Task(found)

    def finish(self, done: "Done") -> None:
        """Keep what was read, and let go of what was unpacked for it."""
        if found := self._temporary.pop(done.row.path, None):
            found.discard()
        if self._kept:
            self._kept.add(done.identity, done.row)


def _expand(inputs: Sequence[str]) -> Iterator[str]:
    """The inputs, with the paths that stdin names in the place of `-`."""
    for text in inputs:
        if text == "-":
            yield from filter(None, (line.rstrip("\r\n") for line in sys.stdin or ()))
        else:
            yield text


def _open_rows(
    path: str | None, console: Console, stack: ExitStack
) -> "Callable[[str], None] | None":
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

    def write(row: str) -> None:
        text.write('{"schema_version": 1, ' + row[1:] + "\n")

    return write


def _write_row(row: "Row") -> str:
    import json

    from crashtool.model.triage.row import row_document

    return json.dumps(row_document(row))


def _add_related(groups: Sequence[Any], pairs: Sequence[tuple[Any, Any]]) -> Iterator[Any]:
    related: dict[Any, list[Any]] = {}
    for one, other in pairs:
        related.setdefault(one, []).append(other)
        related.setdefault(other, []).append(one)
    for group in groups:
        yield group._replace(related=tuple(sorted(related.get(group.key, ()))))


def _write_page(
    path: str, triage: "Triage", compared: "Compared | None", gate: "TriageGate | None"
) -> None:
    from pathlib import Path

    from crashtool.render.triage_html import render_triage_page
    from crashtool.services.files.whole_file import FOR_THE_OWNER, write_whole

    page = render_triage_page(triage, compared, gate).encode("utf-8")
    write_whole(Path(path), page, FOR_THE_OWNER)


def _answer(
    console: Console,
    question: Question,
    triage: "Triage",
    compared: "Compared | None",
    gate: "TriageGate | None",
) -> None:
    from crashtool.render.triage import render_triage, triage_document

    if question.options["rows"] == "-":
        return
    if console.json:
        console.document(triage_document(triage, question.options["by"], compared, gate))
    else:
        top = question.options["top"] or None
        console.answer(render_triage(triage, top, compared, gate, question.extra))


def _warn_of_rules(console: Console, rules: "Rules", triage: "Triage") -> None:
    """Say which rules do nothing, and which take too much."""
    known = [(rule.line, rule.text) for rule in rules.frame_rules]
    known += [(group.line, group.text) for group in rules.groups]
    for line, text in known:
        if triage.totals.grouped and text not in triage.used_rules:
            console.warn(f"line {line} of the rules matched nothing: {text}")
    for group in triage.groups:
        if group.is_named_by_rule and group.crashes > LOPSIDED * triage.totals.grouped:
            console.warn(f"the rule {group.key.text!r} takes more than half of all crashes")


def _find_status(
    options: dict[str, Any],
    triage: "Triage",
    compared: "Compared | None",
    gate: "TriageGate | None",
) -> int:
    if "new" in options["fail_on"] and gate and gate.new:
        return CHECK_FAILED
    verdicts = {item.verdict for _, item in compared.rows} if compared else set()
    if "regression" in options["fail_on"] and "regression" in verdicts:
        return CHECK_FAILED
    totals = triage.totals
    if totals.unreadable:
        return INPUT_UNUSABLE if totals.unreadable == totals.inputs else PARTIAL
    return DONE


def _explain(console: Console, options: dict[str, Any], rules: "Rules") -> None:
    from crashtool.commands.options import open_symbols
    from crashtool.model.own_calls import decide_calls
    from crashtool.model.signature import sign
    from crashtool.render.triage import decisions_document, render_decisions
    from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report

    path = os.fspath(options["explain"])
    with open_symbols(options, console) as symbols:
        report = read_report(path, path, InspectOptions(symbols=symbols, warn=console.warn_once))
    thread = report.crashed_thread
    decisions = tuple(decide_calls(thread.frames if thread else (), rules))
    text = sign(report, rules).text
    if console.json:
        console.document(decisions_document(path, text, decisions))
    else:
        console.answer(render_decisions(path, text, decisions))


def _parse_versions(text: str | None) -> tuple[str, ...]:
    if not text:
        return ()
    versions = tuple(part.strip() for part in text.split(","))
    if len(versions) != 2 or not all(versions) or versions[0] == versions[1]:  # noqa: PLR2004
        raise UsageError(f"--compare {text}: two versions, the older first", hint="1.4.1,1.4.2")
    return versions


def _parse_sessions(text: str) -> tuple[str, int]:
    version, equals, number = text.rpartition("=")
    if not equals or not number.isdecimal() or not int(number):
        raise UsageError(f"--sessions {text}: write VERSION=N", hint="as in 1.4.2=9000")
    return version, int(number)
