"""Generated files: complete, fresh, and accepted by the programs that read them."""

import os
import shutil
import subprocess

import pytest

from crashtool.commands.command_table import COMMANDS
from crashtool.commands.command_tree import read_commands
from crashtool.commands.root_command import root
from crashtool.model.command_line import walk_entries
from crashtool.services.settings.table import SETTINGS
from tools.generate import ROOT, generated_files


@pytest.fixture(scope="module")
def files():
    return generated_files()


def test_no_generated_file_is_stale(files):
    stale = [
        name
        for name, text in files.items()
        if not (ROOT / name).is_file() or (ROOT / name).read_text(encoding="utf-8") != text
    ]

    assert stale == []


def test_every_command_has_a_man_page_and_a_place_in_the_reference(files):
    for name in COMMANDS:
        assert f"man/crashtool-{name}.1" in files
        assert f"## crashtool {name}\n" in files["docs/cli.md"]


def test_commands_of_a_group_have_them_too(files):
    assert "man/crashtool-symbols-cache.1" in files
    assert "## crashtool symbols cache\n" in files["docs/cli.md"]
    assert "crashtool symbols cache" in files["docs/cli.md"]


@pytest.mark.parametrize("name", ["-symbols-cache", "", *(f"-{name}" for name in COMMANDS)])
def test_man_pages_are_clean_to_groff(files, name):
    if not shutil.which("groff"):
        pytest.skip("needs groff")

    run = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", "-z"],
        input=files[f"man/crashtool{name}.1"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.returncode, run.stderr) == (0, "")


def complete_in_bash(script, words):
    line = " ".join(words)
    program = (
        f"{script}\nCOMP_WORDS=({line}{' ' if line.endswith(' ') else ''})\n"
        f"COMP_WORDS=({' '.join(repr(word) for word in words)})\n"
        "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_crashtool\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n"
    )
    run = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
    assert run.stderr == ""
    return run.stdout.split()


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_bash_completes_commands_options_and_choices(files):
    script = files["completions/crashtool.bash"]

    assert complete_in_bash(script, ["crashtool", "se"]) == ["send-dump", "serve"]
    assert "--threads" in complete_in_bash(script, ["crashtool", "inspect", "--thr"])
    assert complete_in_bash(script, ["crashtool", "inspect", "--color", "a"]) == ["auto", "always"]
    assert complete_in_bash(script, ["crashtool", "inspect", "x"]) == []
    assert complete_in_bash(script, ["crashtool", "symbols", "ca"]) == ["cache"]
    assert complete_in_bash(script, ["crashtool", "symbols", "cache", "--cl"]) == ["--clear"]
    assert complete_in_bash(script, ["crashtool", "symbols", "check", "--cl"]) == []
    assert complete_in_bash(script, ["crashtool", "scaffold", "cm"]) == ["cmake"]
    assert complete_in_bash(script, ["crashtool", "completion", "z"]) == ["zsh"]


@pytest.mark.skipif(not shutil.which("fish"), reason="needs fish")
def test_fish_completes_commands_options_and_choices(files, tmp_path):
    script = tmp_path / "crashtool.fish"
    script.write_text(files["completions/crashtool.fish"], encoding="utf-8")

    def complete(line):
        run = subprocess.run(
            ["fish", "--no-config", "-c", f"source {script}; complete -C '{line}'"],
            capture_output=True,
            text=True,
            check=True,
            env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        )
        return [row.split("\t")[0] for row in run.stdout.splitlines()]

    assert complete("crashtool se") == ["send-dump", "serve"]
    assert complete("crashtool symbols ca") == ["cache"]
    assert complete("crashtool symbols cache --cl") == ["--clear"]
    assert complete("crashtool symbols check --cl") == []
    assert "cmake" in complete("crashtool scaffold c")
    assert complete("crashtool inspect --color a") == ["always", "auto"]


@pytest.mark.parametrize(("shell", "file"), [("zsh", "_crashtool"), ("fish", "crashtool.fish")])
def test_other_shells_accept_their_script(files, shell, file, tmp_path):
    if not shutil.which(shell):
        pytest.skip(f"needs {shell}")
    path = tmp_path / file
    path.write_text(files[f"completions/{file}"], encoding="utf-8")

    run = subprocess.run([shell, "-n", path], capture_output=True, text=True, check=False)

    assert (run.returncode, run.stderr) == (0, "")


def test_the_table_and_the_help_of_a_command_sum_it_up_alike():
    summaries = {entry.name: entry.summary for entry in read_commands(root)[1:]}

    assert summaries == COMMANDS


@pytest.mark.parametrize(
    "entry", list(walk_entries(read_commands(root))), ids=lambda entry: entry.name
)
def test_examples_stand_on_lines_of_their_own(entry):
    for paragraph in entry.description:
        assert "\\" not in paragraph.replace("\\*", "")  # a pattern, in the help of a PATH
        if any(line.startswith("  ") for line in paragraph.splitlines()):
            assert paragraph.startswith("\b\n"), paragraph


def test_every_setting_is_in_the_reference_with_its_variable_and_its_commands(files):
    page = files["docs/settings.md"]

    for name, setting in SETTINGS.items():
        section = page[page.index(f"### `{name}`") :].split("\n### ")[0]
        assert f"`{setting.variable}`" in section
        assert "- read by " in section or name == "token_hosts"  # bound to hosts, no option
    assert "| `CRASHTOOL_PROJECT_FILE` |" in page
    assert "- read by `serve` (--token)" in page


@pytest.mark.parametrize(
    ("page", "holds", "lacks"),
    [
        ("crashtool.1", "CRASHTOOL_SERVE_TOKEN", "\\fBNONE"),
        ("crashtool-send-dump.1", "CRASHTOOL_TOKEN_FILE", "CRASHTOOL_SYMBOLS_TOKEN"),
        ("crashtool-upload-symbols.1", "CRASHTOOL_SYMBOLS_TOKEN", "CRASHTOOL_ANNOTATIONS"),
    ],
)
def test_man_pages_list_the_variables_of_their_command_and_the_files(files, page, holds, lacks):
    text = files[f"man/{page}"]
    environment = text[text.index(".SH ENVIRONMENT") : text.index(".SH FILES")]

    assert f".B {holds}\n" in environment
    assert f".B {lacks}\n" not in environment
    assert "crashtool.toml" in text[text.index(".SH FILES") :]
