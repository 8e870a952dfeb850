"""program.ratelimit, .url, .paths: what the texts in a program say of its integration."""

from __future__ import annotations

import re
from collections.abc import Iterator

from crashtool.formats.named_tuple import NamedTuple
from crashtool.formats.object_file.data_texts import find_placed_texts, find_texts
from crashtool.formats.object_file.inline_copies import find_copied
from crashtool.formats.object_kinds import ELF, MACHO, PE
from crashtool.formats.redaction import redact_token
from crashtool.formats.submission_url import ERROR
from crashtool.formats.submission_url.finding import Purpose, UrlFinding
from crashtool.model.doctor import CheckResult, Subject
from crashtool.services.integration.doctor.build_kind import (
    FOR_DEVELOPERS,
    FOR_USERS,
    tell_build,
)
from crashtool.services.integration.doctor.examination import Examination
from crashtool.services.integration.doctor.facts import markers_of
from crashtool.services.integration.doctor.findings import failure, note, skip, warning
from crashtool.services.integration.doctor.program_client import first_of
from crashtool.services.integration.make_url import assess
from crashtool.services.symbols.mapped_file import map_file

ROOT_FORM = "root-form"
NO_RATE_LIMIT = "--no-rate-limit"
PLATFORMS = {ELF: "linux", PE: "windows", MACHO: "macos"}
FRAGMENTS = (
    "://submit.backtrace.io",
    ".backtrace.io",
    ":6098",
    ":6097",
    "/minidump",
    "format=minidump",
)
URL = re.compile(r"https?://[^\s\"'<>|\\^`]+(?:<[A-Za-z_-]{1,40}>[^\s\"'<>|\\^`]*)*", re.IGNORECASE)
FORMATTED = re.compile(r"%[-+ #0]*\d*(?:\.\d+)?(?:hh|h|ll|l|z)?[sdiux]|\{[0-9]*(?::[^{}]*)?\}")
HOSTS = re.compile(r"https?://[^/?#]*(?:backtrace\.io|:609[78])", re.IGNORECASE)
FORMS = re.compile(r"[?&]format=minidump|/minidump(?:[/?#]|$)", re.IGNORECASE)
MACHINE_PATH = re.compile(r"^(?:~[\\/]|/home/[^/]+/|/Users/[^/]+/|[A-Za-z]:\\Users\\[^\\]+\\)")
HANDLER_OR_DATABASE = re.compile(
    r"(?:crashpad[\w-]*handler|[\\/]handler)(?:\.exe|\.com)?$|(?:crashpad|crash)[\w-]*[\\/]?$",
    re.IGNORECASE,
)
COPIED = "what it is as a whole only the running program knows (crashtool smoke --url tries one)"
MAX_SHOWN = 5  # findings of one kind of one program


def check_rate_limit(program: Subject, examination: Examination) -> Iterator[CheckResult]:
    """A program that is built for its users does not switch the limit of uploads off."""
    markers = markers_of(program, examination)
    if not markers.has_client or markers.is_handler:
        return
    if not find_texts(map_file(program.path), (NO_RATE_LIMIT,)):
        return
    build = tell_build(program, examination)
    if build == FOR_DEVELOPERS:
        return
    tell, cause = (
        (warning, f"{NO_RATE_LIMIT} is in a release build")
        if build == FOR_USERS
        else (note, f"{NO_RATE_LIMIT} is in it, and it is unknown whether this is a release build")
    )
    yield tell(
        program.path,
        cause,
        "A program that crashes at each start uploads each time: your quota goes, and users' "
        "connections with it.",
        "put it inside #if !defined(NDEBUG)",
    )


def check_url(program: Subject, examination: Examination) -> Iterator[CheckResult]:
    """The submission URLs in the program keep make-url's rules."""
    markers = markers_of(program, examination)
    if not markers.has_client or markers.is_handler:
        return
    platform = PLATFORMS[first_of(program, examination).kind]
    for url in examination.recall(read_urls, program.path)[:MAX_SHOWN]:
        if not url.is_whole:
            yield skip(program.path, f"a URL is copied in pieces by its code: {COPIED}")
            continue
        for finding in assess(url.text, Purpose(platform)).findings:
            yield _tell_url(program.path, url.text, finding)


def _tell_url(path: str, url: str, finding: UrlFinding) -> CheckResult:
    """What a rule of make-url says, as the program's fault; the root form is well with annotations.

    A placeholder is a warning: it may be a text that the program fills in.
    """
    is_error = finding.severity == ERROR and "placeholder" not in finding.rule
    tell = failure if is_error else note if finding.rule == ROOT_FORM else warning
    corrected = redact_token(finding.corrected) if finding.corrected else ""
    return tell(
        path,
        f"{redact_token(url)}: {finding.rule}: {finding.cause.rstrip('.')}",
        finding.consequence,
        f"in the code: {corrected}" if corrected else "crashtool make-url makes one",
    )


class ProgramUrl(NamedTuple):
    """A URL in a program; not `is_whole` when its text is only the pieces that code copies."""

    text: str
    is_whole: bool = True


def read_urls(path: str) -> tuple[ProgramUrl, ...]:
    """The texts in a program that are whole submission URLs of minidumps, each once.

    What is put together when the program runs, of a format or of parts, cannot be judged.
    """
    data = map_file(path)
    offsets: dict[str, int] = {}
    for placed in find_placed_texts(data, FRAGMENTS):
        for match in URL.finditer(placed.text):
            url = match[0]
            is_ours = HOSTS.match(url) and (FORMS.search(url) or ":609" in url)
            if is_ours and not FORMATTED.search(url) and not url.endswith(("=", "://")):
                offsets.setdefault(url, placed.offset + match.start() * placed.width)
    copied = find_copied(data, tuple(offsets.values()))
    return tuple(ProgramUrl(url, offset not in copied) for url, offset in offsets.items())


def check_paths(program: Subject, examination: Examination) -> Iterator[CheckResult]:
    """No path of the machine that built the program leads to the handler or the database."""
    if not markers_of(program, examination).has_client:
        return
    for path in examination.recall(read_machine_paths, program.path)[:MAX_SHOWN]:
        tilde = path.startswith("~")
        is_of_developer = not tilde and tell_build(program, examination) == FOR_DEVELOPERS
        tell = note if is_of_developer else warning
        yield tell(
            program.path,
            f"{path} is in it: "
            + (
                "no shell is there that expands ~"
                if tilde
                else "a path of the machine that built it"
            ),
            "On other machines there is no such file: nothing is reported."
            if not tilde
            else "The handler is not found: nothing is reported.",
            "find it from the program's own path (/proc/self/exe, GetModuleFileNameW, "
            "_NSGetExecutablePath)",
        )


def read_machine_paths(path: str) -> tuple[str, ...]:
    """Paths of somebody's own folder in a program's texts that end in a handler or a database."""
    texts = find_texts(map_file(path), ("handler", "crash"))
    return tuple(
        text for text in texts if MACHINE_PATH.match(text) and HANDLER_OR_DATABASE.search(text)
    )
