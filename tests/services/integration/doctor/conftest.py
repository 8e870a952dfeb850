"""Healthy installations, into which the tests plant their faults."""

import shutil
from pathlib import Path

import pytest

from crashtool.services.handler.crashpad_handler.find import DEBIAN
from tests.services.handler.conftest import find_or_skip, skip_elsewhere
from tests.services.integration.doctor.folders import (
    SENTRY_TEXT,
    elf_program,
    examine,
    write_program,
)
from tests.services.integration.doctor.projects import backtrace_zip, write_game
from tests.wine import HANDLER as WINDOWS_HANDLER


@pytest.fixture
def sentry_handler():
    return Path(find_or_skip().path)


@pytest.fixture
def upstream_handler():
    skip_elsewhere()
    if not DEBIAN.is_file():
        pytest.skip("needs Debian's chromium")
    return DEBIAN


@pytest.fixture
def windows_handler():
    if not WINDOWS_HANDLER.is_file():
        pytest.skip("needs the handler for Windows: make winhandler")
    return WINDOWS_HANDLER


@pytest.fixture
def install(tmp_path, monkeypatch):
    """install(handler, *texts) -> a folder with a program and that real handler beside it."""
    monkeypatch.chdir(tmp_path)

    def make(handler, *texts, program=None, name="crashpad_handler"):
        folder = tmp_path / "dist"
        content = elf_program(*texts) if program is None else program
        write_program(folder / "app", content)
        if handler is not None:
            shutil.copy(handler, folder / name)
        return Path("dist")

    return make


@pytest.fixture
def healthy(install, sentry_handler):
    """A program with Sentry's client and Sentry's handler."""
    return install(sentry_handler, SENTRY_TEXT)


@pytest.fixture
def game(tmp_path):
    """game(configurations, crashpad=backtrace_zip) -> the diagnosis of a project beside it."""

    def look(configurations, *, crashpad=backtrace_zip, change=None, options=None, **project):
        root = crashpad(tmp_path / "crashpad") if crashpad else tmp_path / "crashpad"
        if change:
            change(root)
        write_game(tmp_path / "game", configurations, **project)
        return examine(tmp_path / "game", **(options or {}))

    return look
