"""Healthy installations, into which the tests plant their faults."""

import shutil
from pathlib import Path

import pytest

from crashtool.services.handler.find import DEBIAN
from tests.services.handler.conftest import find_or_skip, skip_elsewhere
from tests.services.integration.doctor.folders import SENTRY_TEXT, elf_program, write_program
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
