"""What only the service can be made to meet."""

import sys

import pytest

if sys.platform != "linux":
    pytest.skip("needs Linux", allow_module_level=True)

from crashtool.errors import UsageError
from crashtool.model.run import FatalSignal, RunResult
from crashtool.services.handler.smoke import smoke_test as module
from crashtool.services.handler.smoke.smoke_test import SmokePlan, smoke

FATAL = FatalSignal(5, 5, 11, 1, 0, 0, 0, "x86_64")


def failed(result):
    return {check.name: check for check in result.checks if not check.passed}


def test_our_receivers_answer_is_named(sentry_handler, tmp_path):
    result = smoke(SmokePlan(tmp_path, sentry_handler.path, faults=("503",)))

    assert "the server answered 503" in failed(result)["uploaded with status 200"].detail


def test_an_error_under_status_200_is_no_acceptance(sentry_handler, tmp_path):
    result = smoke(SmokePlan(tmp_path, sentry_handler.path, faults=("refuse",)))

    assert "server took the report" in failed(result)
    assert "uploaded with status 200" not in failed(result)


def test_a_system_that_forbids_tracing_is_a_failed_check(sentry_handler, tmp_path, monkeypatch):
    def refuse(*_arguments, **_options):
        raise UsageError("this system forbids tracing", hint="do this")

    monkeypatch.setattr(module, "run_in_subprocess", refuse)

    result = smoke(SmokePlan(tmp_path, sentry_handler.path))

    assert failed(result)["program can be traced"].hint == "do this"


@pytest.mark.parametrize(
    ("end", "name"),
    [
        (RunResult(0, 5), "crash seen"),
        (RunResult(-11, 5, FATAL, "too slow"), "handler worked"),
        (RunResult(-11, 5, FATAL, None, "trace", 0), "report written"),
    ],
)
def test_the_first_step_that_fails_ends_the_proof(end, name, sentry_handler, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "run_in_subprocess", lambda *_arguments, **_options: end)

    result = smoke(SmokePlan(tmp_path, sentry_handler.path))

    assert list(failed(result)) == [name]
    assert result.checks[-1].name == name


def test_another_crash_than_the_true_one_is_found_out(sentry_handler, tmp_path, monkeypatch):
    run = module.run_in_subprocess

    def lie(*arguments, **options):
        result = run(*arguments, **options)
        return result._replace(fatal=result.fatal._replace(address=5))

    monkeypatch.setattr(module, "run_in_subprocess", lie)

    result = smoke(SmokePlan(tmp_path, sentry_handler.path))

    assert list(failed(result)) == ["minidump tells of this crash"]
