"""Environment variables that crashtool reads beside its settings, the files that it keeps, and the
nearest variable to a name that is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from crashtool.formats.named_tuple import NamedTuple
from crashtool.services.settings.layers import PROJECT_FILE, PROJECT_VARIABLE, USER_FILE
from crashtool.services.settings.table import PREFIX, SETTINGS

LEAST_LIKENESS = 0.6


class Variable(NamedTuple):
    """An environment variable and what crashtool does with it."""

    name: str
    meaning: str


class KnownFile(NamedTuple):
    """A file or folder that crashtool keeps: its path on Linux and macOS, and on Windows."""

    path: str
    windows_path: str
    meaning: str


PROJECT_CHOICE = Variable(
    PROJECT_VARIABLE,
    f"The {PROJECT_FILE} to read, whoever wrote it; an empty value reads none. As --project-file.",
)
OTHER_VARIABLES = (
    Variable("NO_COLOR", "Any value: no colour, unless --color says otherwise."),
    Variable("TERM", "`dumb`: no colour."),
    Variable("COLUMNS", "The width of help texts and pages, in place of the terminal's."),
    Variable("CI", "Any value: progress is shown as lines, not as bars."),
    Variable("GITHUB_STEP_SUMMARY", "Where `--ci github` writes the job's summary."),
    Variable("GITHUB_WORKSPACE", "The folder that `--ci github` makes paths relative to."),
    Variable("_NT_SYMBOL_PATH", "Symbol folders and servers, as Microsoft's debuggers read it."),
    Variable("DEBUGINFOD_URLS", "debuginfod servers, separated by blanks."),
    Variable("REQUESTS_CA_BUNDLE", "Certificate authorities to trust (PEM), without --ca-bundle."),
    Variable("CURL_CA_BUNDLE", "The same, after REQUESTS_CA_BUNDLE."),
    Variable("SSL_CERT_FILE", "The same, after CURL_CA_BUNDLE."),
    Variable("HTTPS_PROXY", "The proxy for https URLs; also in lower case."),
    Variable("HTTP_PROXY", "The proxy for http URLs; also in lower case."),
    Variable("ALL_PROXY", "The proxy for both; also in lower case."),
    Variable("NO_PROXY", "Hosts that are reached without a proxy; also in lower case."),
    Variable("PYTHONIOENCODING", "The encoding of the answer, in place of UTF-8."),
    Variable("TMPDIR", "Where files are unpacked; on Windows TEMP."),
    Variable("XDG_CONFIG_HOME", "The folder of the user's settings, in place of ~/.config."),
    Variable("XDG_STATE_HOME", "The folder of journals and databases, for ~/.local/state."),
    Variable("XDG_CACHE_HOME", "The folder of the symbol cache, in place of ~/.cache."),
    Variable("APPDATA", "Windows: the folder of the user's settings."),
    Variable("LOCALAPPDATA", "Windows: the folder of the cache, journals and databases."),
    Variable("SUDO_UID", "For root: who called sudo. A project file may be that user's."),
)
"""A test reads the code for each variable that is looked up, and finds it here."""

FILES = (
    KnownFile(PROJECT_FILE, PROJECT_FILE, "The project's settings: the first one upwards."),
    KnownFile(
        f"~/.config/crashtool/{USER_FILE}",
        f"%APPDATA%\\crashtool\\{USER_FILE}",
        "The user's settings: the same keys, below the project's.",
    ),
    KnownFile(
        "~/.cache/crashtool",
        "%LOCALAPPDATA%\\crashtool",
        "Fetched symbols and what is made of debug files; `cache` names another folder.",
    ),
    KnownFile(
        "~/.local/state/crashtool",
        "%LOCALAPPDATA%\\crashtool",
        "What send-dump has sent, and the databases of `run` without --database.",
    ),
)

# In use by others: CMake and MSBuild files that scaffold writes, scripts that install crashtool,
# the tests of this project.
FOREIGN = frozenset({"EXECUTABLE", "VERSION", "SHARED", "FUZZ", "FRESH"})


def walk_nearest(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(name, nearest) of each of `Settings.list_unknown_variables`; "" where none is near.

    What is known to be others' is left out. Values are not looked at: a mistyped variable may hold
    a token.
    """
    variables = [PROJECT_VARIABLE, *(setting.variable for setting in SETTINGS.values())]
    words = [name.removeprefix(PREFIX) for name in variables]
    for name in sorted(names):
        word = name.removeprefix(PREFIX)
        if word in FOREIGN:
            continue
        nearest = get_close_matches(word.upper(), words, 1, LEAST_LIKENESS)
        yield name, PREFIX + nearest[0] if nearest else ""
