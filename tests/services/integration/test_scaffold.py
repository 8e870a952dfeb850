import itertools
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import pytest

from crashtool.commands.scaffold import NAMES
from crashtool.services.integration.scaffold import SCAFFOLDS, read_scaffold


@pytest.mark.parametrize("name", NAMES)
def test_every_file_is_printed_and_written_to_its_place(crashtool, tmp_path, name):
    printed = crashtool("scaffold", name)
    assert printed.exit_code == 0
    assert crashtool("scaffold", name, "--into", "project").exit_code == 0
    target = tmp_path / "project" / SCAFFOLDS[name].place
    text = target.read_bytes().decode("utf-16" if name == "reg" else "utf-8")
    assert text.replace("\r\n", "\n").strip() == printed.stdout.strip()
    again = crashtool("scaffold", name, "-o", target)
    assert again.exit_code == 0  # the same file is in nobody's way
    target.write_text("mine")
    assert crashtool("scaffold", name, "-o", target).exit_code == 2
    assert target.read_text() == "mine"
    assert crashtool("scaffold", name, "-o", target, "--force").exit_code == 0
    assert target.read_text(errors="replace") != "mine"


def test_names_and_places_are_known_and_one_is_chosen(crashtool):
    assert set(NAMES) == set(SCAFFOLDS)
    assert crashtool("scaffold", "cmake", "-o", "a", "--into", "b").exit_code == 2
    assert crashtool("scaffold", "make").exit_code == 2


def test_the_msbuild_file_is_well_formed_and_names_no_token(tmp_path):
    text = read_scaffold("msbuild")
    project = ET.fromstring(text)  # noqa: S314 (our own)
    space = "{http://schemas.microsoft.com/developer/msbuild/2003}"
    assert project.tag == f"{space}Project"
    targets = {row.get("Name"): row for row in project.iter(f"{space}Target")}
    assert targets["CrashtoolUploadSymbols"].get("AfterTargets") == "Build"
    (command,) = (row.get("Command") for row in project.iter(f"{space}Exec"))
    assert "upload-symbols" in command
    assert "--require-for" in command
    assert "token" not in command.lower()
    for condition in re.findall(r'Condition="([^"]*)"', text):
        assert condition.count("'") % 2 == 0


def test_the_action_keeps_inputs_out_of_its_script():
    install, upload = read_scripts()
    assert "::add-mask::" in upload
    assert "${{" not in install + upload


def read_scripts():
    """The action's two scripts: installing, uploading."""
    parts = read_scaffold("github-action").split("      run: |\n")[1:]
    lines = [itertools.takewhile(lambda line: line.startswith(" " * 8), part.splitlines())
             for part in parts]  # fmt: skip
    return ["\n".join(line[8:] for line in script) for script in lines]


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize(
    ("requirement", "index", "is_taken"),
    [
        ("./vendor/crashtool-0.1.0-py3-none-any.whl", "", True),
        ("./my vendor/crashtool-0.1.0-py3-none-any.whl[symbols]", "", True),
        ("crashtool[symbols] @ https://example.com/crashtool.whl#sha256=" + "0" * 64, "", True),
        ("crashtool[symbols]==0.1.0", "https://example.com/simple", True),
        ("crashtool[symbols]==0.1.0", "", False),
        ("crashtool", "", False),
        ("crashtool", "https://example.com/simple", False),
        ("https://example.com/crashtool.whl", "", False),
        ("", "", False),
    ],
)
def test_the_action_installs_only_what_its_user_has_pinned(tmp_path, requirement, index, is_taken):
    fake = tmp_path / "python3"
    fake.write_text(
        '#!/bin/sh\nfor word in "$@"; do echo "[$word]"; done; echo "<$PIP_INDEX_URL>"\n'
    )
    fake.chmod(0o755)
    done = subprocess.run(
        ["bash", "-e", "-c", read_scripts()[0]],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "REQUIREMENT": requirement, "INDEX_URL": index},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode == 0) == is_taken
    if is_taken:
        assert f"[--]\n[{requirement}]\n<{index}>" in done.stdout
    else:
        assert done.stdout.startswith("::error::input crashtool")


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_the_actions_script_passes_its_inputs_on(tmp_path):
    fake = tmp_path / "crashtool"
    fake.write_text('#!/bin/sh\nfor word in "$@"; do echo "[$word]"; done\n')
    fake.chmod(0o755)
    output = tmp_path / "output"
    done = subprocess.run(
        ["bash", "-e", "-c", read_scripts()[1]],
        env={
            "PATH": f"{tmp_path}:/usr/bin:/bin", "GITHUB_OUTPUT": str(output),
            "PATHS": "build dir/\n$(touch hacked)\n", "REQUIRE_FOR": "dist/\n", "TAG": 'v1"; ls',
            "RECEIPT": "r.json", "SOFT_FAIL": "network", "DRY_RUN": "true",
            "CRASHTOOL_SYMBOLS_TOKEN": "", "CRASHTOOL_SYMBOLS_URL": "", "CRASHTOOL_UNIVERSE": "u",
        },
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    words = re.findall(r"\[(.*)\]", done.stdout)
    assert words == [
        "upload-symbols", "--ci", "github", "--receipt", "r.json", "build dir/", "$(touch hacked)",
        "--require-for", "dist/", "--tag", 'v1"; ls', "--soft-fail=network", "--dry-run",
    ]  # fmt: skip
    assert not (tmp_path / "hacked").exists()
