"""Fixtures for all tests: the command line in-process, and material that may be absent."""

import os
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, settings

from crashtool.commands.root_command import root

ROOT = Path(__file__).resolve().parents[1]
# A busy machine is no fault of what is tested.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")
SLOW_SECONDS = 3600
SKIPPED = "crashtool/skipped"  # in pytest's cache: what the tests begin with that were skipped
SHARED = Path(os.environ.get("CRASHTOOL_SHARED", ROOT.parent / "shared"))


def pytest_configure():
    """Signals do here what they do in a terminal, whatever started the tests.

    `make test &` in a shell without job control, nohup and some CI runners leave signals ignored or
    blocked, and each process that a test starts would inherit that.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("SIGHUP", "SIGTERM", "SIGQUIT", "SIGCHLD"):
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) == signal.SIG_IGN:
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_SETMASK, ())


def pytest_sessionstart(session):
    """Said once, before workers start: each would say it as an error of its own."""
    config = session.config
    if config.getoption("skipped_before") and not config.cache.get(SKIPPED, ()):
        raise pytest.UsageError("no run has noted tests that it skipped")


def pytest_collection_modifyitems(config, items):
    """Slow tests may take an hour. With --skipped-before, the tests that the last run skipped."""
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(SLOW_SECONDS))
    if not config.getoption("skipped_before"):
        return
    chosen = tuple(config.cache.get(SKIPPED, ()))
    kept = [row for row in items if f"{row.nodeid}\n".startswith(chosen)]
    config.hook.pytest_deselected(items=[row for row in items if row not in set(kept)])
    items[:] = kept


def pytest_terminal_summary(terminalreporter):
    """Skipped tests by reason: CONTRIBUTING.md says of each what would let them run."""
    skipped = terminalreporter.stats.get("skipped", [])
    config = terminalreporter.config
    if getattr(config, "cache", None) and not (config.option.skipped_before or config.option.lf):
        # A module that skips as a whole is noted by its path, which its tests begin with.
        rows = {row.nodeid + ("::" if row.nodeid.endswith(".py") else "\n") for row in skipped}
        config.cache.set(SKIPPED, sorted(rows))
    reasons = Counter(row.longrepr[2].removeprefix("Skipped: ") for row in skipped)
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count:4} skipped: {reason}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call():
    """A test that traces leaves the tracer that was there: else no later one counts as covered."""
    before = sys.gettrace()
    yield
    if sys.gettrace() is not before:
        sys.settrace(before)
        raise AssertionError("the test took away what traces the tests, such as coverage")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Many tests wait for other processes: half as many workers again as there are processors."""
    processors = os.cpu_count() or 1
    return processors + (processors + 1) // 2


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch, tmp_path):
    """No setting of the person who runs the tests reaches them."""
    for name in list(os.environ):
        if name.startswith("CRASHTOOL_") and name != "CRASHTOOL_SHARED":
            monkeypatch.delenv(name)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name in (
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "SSL_CERT_FILE",
        "NETRC",
        "_NT_SYMBOL_PATH",
        "DEBUGINFOD_URLS",
    ):
        monkeypatch.delenv(name, raising=False)
    # What a machine has in its system's folders must not decide how tests end.
    monkeypatch.setenv("CRASHTOOL_NO_LOCAL_SYMBOLS", "1")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "no-state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def crashtool(monkeypatch, tmp_path):
    """Call crashtool in-process in an empty folder: crashtool("inspect", path, ...) -> Result."""
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments, **options) -> Result:
        return CliRunner().invoke(
            root, [str(part) for part in arguments], prog_name="crashtool", **options
        )

    return invoke


def shared(part: str) -> Path:
    """A folder of real material; skips the test when it is not there."""
    path = SHARED / part
    if not path.exists():
        pytest.skip(f"needs {part}/ (set CRASHTOOL_SHARED to the folder that holds it)")
    return path


@pytest.fixture(scope="session")
def corpus() -> Path:
    return shared("corpus")


@pytest.fixture(scope="session")
def truth() -> Path:
    return shared("truth")


@pytest.fixture(scope="session")
def captures() -> Path:
    return shared("captures")


@pytest.fixture(scope="session")
def forks():
    """A process that has imported crashtool, and makes each call in a fork of itself."""
    from tests.faults.fork_server import fork_server

    with fork_server() as server:
        yield server


@pytest.fixture(scope="session")
def cold_forks():
    """As `forks`, of a process that imports libraries only as calls need them."""
    from tests.faults.fork_server import fork_server

    with fork_server(warm=False) as server:
        yield server


def pytest_addoption(parser):
    parser.addoption(
        "--skipped-before", action="store_true", help="the tests alone that the last run skipped"
    )
    parser.addoption(
        "--rewrite-transcripts", action="store_true", help="write what the commands say today"
    )
    parser.addoption(
        "--rewrite-screenshots", action="store_true", help="write the documentation's pictures"
    )
