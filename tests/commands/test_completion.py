import pytest
from click.testing import CliRunner

from crashtool.commands.completion import SHELLS
from crashtool.commands.root_command import root
from tools.completions import FILES
from tools.generate import ROOT


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_is_the_one_that_packages_install(shell):
    result = CliRunner().invoke(root, ["completion", shell])

    assert result.exit_code == 0
    assert result.output == (ROOT / "completions" / FILES[shell]).read_text(encoding="utf-8")


def test_a_project_file_of_a_stranger_is_not_asked(tmp_path, monkeypatch):
    (tmp_path / "crashtool.toml").write_text("not TOML", encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    assert CliRunner().invoke(root, ["completion", "bash"]).exit_code == 0


def test_another_shell_is_refused():
    result = CliRunner().invoke(root, ["completion", "tcsh"])

    assert result.exit_code == 2
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish', 'powershell'" in result.output
