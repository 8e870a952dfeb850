"""Run all checks of the table on all subjects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from crashtool.errors import CrashtoolError, reason_of
from crashtool.model.doctor import HOST, PASS, SETTINGS, CheckResult, Diagnosis, Subject
from crashtool.services.files.scratch import Scratch
from crashtool.services.integration.doctor.checks import CHECKS
from crashtool.services.integration.doctor.examination import Check, Examination, Options
from crashtool.services.integration.doctor.findings import skip
from crashtool.services.integration.doctor.search import BuildSearch
from crashtool.services.integration.doctor.unpacking import Names

SHOWN = {HOST: "this machine", SETTINGS: "the settings"}  # subjects without a path


def diagnose(paths: Sequence[str], options: Options, checks: Iterable[Check] = CHECKS) -> Diagnosis:
    """Look at everything in the paths, at the settings and at this machine.

    InputUnusable when a path does not exist or cannot be read at all.
    """
    with Scratch() as scratch:
        search = BuildSearch(options, scratch)
        subjects = search.find_subjects(paths)
        folders = [contents.folder for contents in search.unpacked]
        examination = Examination(options, subjects, folders)
        findings = [*search.problems]
        for check in checks:
            findings += run_check(check, examination)
    names = Names(tuple(search.unpacked))
    return Diagnosis(
        tuple(map(names.subject, examination.subjects)), tuple(map(names.result, findings))
    )


def run_check(check: Check, examination: Examination) -> Iterator[CheckResult]:
    """How a check comes out for each of its subjects; one skip when there are none."""
    subjects = examination.of_kind(*check.kinds)
    if not subjects:
        kinds = " or ".join(check.kinds)
        yield skip("", f"no {kinds} to look at")._replace(check=check.name)
    for subject in subjects:
        for finding in _run_on(check, subject, examination):
            yield finding._replace(check=check.name)


def _run_on(check: Check, subject: Subject, examination: Examination) -> list[CheckResult]:
    shown = subject.path or SHOWN.get(subject.kind, subject.kind)
    try:
        findings = list(check.run(subject, examination))
    except CrashtoolError as error:
        return [skip(shown, error.what.removeprefix(f"{shown}: "))]
    except OSError as error:
        return [skip(shown, f"cannot read {error.filename or shown}: {reason_of(error)}")]
    return findings or [CheckResult(PASS, shown)]
