"""The command that installs an extra fits how crashtool was installed; each was followed once."""

import subprocess
import sys
from pathlib import Path

import pytest

from crashtool import installing
from crashtool.errors import MissingExtra

ROOT = str(Path(installing.__file__).resolve().parents[1])


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """An environment of Python in a folder, with pip, in which crashtool is installed."""
    prefix = tmp_path / "crashtool"
    (prefix / "bin").mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(prefix))
    monkeypatch.setattr(sys, "executable", str(prefix / "bin" / "python"))
    monkeypatch.setattr(installing, "find_spec", lambda name: name == "pip" or None)
    monkeypatch.setattr(installing.os, "name", "posix")
    monkeypatch.setenv("PATH", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(installing, "_list_folder", lambda _folder: ["crashtool-1.0.dist-info"])
    return prefix


def hint():
    return MissingExtra("the receiver", "serve").hint


def test_an_environment_that_is_not_active_is_named(environment):
    assert hint() == f"{environment}/bin/python -m pip install 'crashtool[serve]'"


def test_an_active_environment_takes_plain_pip(environment, monkeypatch):
    pip = environment / "bin" / "pip"
    pip.write_text("")
    pip.chmod(0o755)
    monkeypatch.setenv("PATH", str(pip.parent))
    assert hint() == "pip install 'crashtool[serve]'"


def test_pipx_injects(environment):
    (environment / "pipx_metadata.json").write_text("{}")
    assert hint() == "pipx inject crashtool 'crashtool[serve]'"


@pytest.mark.parametrize("is_tool", [True, False])
def test_uv_installs_into_its_tool_and_where_there_is_no_pip(environment, monkeypatch, is_tool):
    if is_tool:
        (environment / "uv-receipt.toml").write_text("")
    else:
        monkeypatch.setattr(installing, "find_spec", lambda _name: None)
    assert hint() == f"uv pip install --python {environment}/bin/python 'crashtool[serve]'"


def test_a_python_that_the_system_manages_is_told_so(environment, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)
    monkeypatch.setattr(installing.sysconfig, "get_path", lambda _name: str(tmp_path))
    (tmp_path / "EXTERNALLY-MANAGED").write_text("")
    python = f"{environment}/bin/python"
    assert hint() == f"{python} -m pip install --break-system-packages 'crashtool[serve]'"

    monkeypatch.setattr(installing, "_list_folder", lambda _folder: ["crash-1.0.dist-info"])
    assert hint() == (f"{python} -m venv .venv && .venv/bin/python -m pip install '{ROOT}[serve]'")


def test_a_checkout_that_is_not_installed_names_itself_and_no_public_package(
    environment, monkeypatch
):
    monkeypatch.setattr(installing, "_list_folder", lambda _folder: ["crash-1.0.dist-info"])
    assert hint() == f"{environment}/bin/python -m pip install '{ROOT}[serve]'"


def test_windows_gets_double_quotes(environment, monkeypatch):
    monkeypatch.setattr(sys, "executable", "C:\\Program Files\\Python\\python.exe")
    monkeypatch.setattr(installing, "os", type("nt", (), {"name": "nt"}))
    assert hint() == '"C:\\Program Files\\Python\\python.exe" -m pip install "crashtool[serve]"'


def test_the_advice_of_this_environment_keeps_this_crashtool():
    """Nothing is fetched: for pip the one that is installed satisfies the requirement."""
    if installing.find_spec("pip") is None:
        pytest.skip("needs pip")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--no-index", "--dry-run", "crashtool"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
