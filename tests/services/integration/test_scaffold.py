import itertools
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from crashtool.commands.scaffold import FILES
from crashtool.formats.crashpad.client.layouts import LAYOUTS
from crashtool.formats.crashpad.client.releases import RELEASES
from crashtool.services.integration.scaffold import SCAFFOLDS, read_scaffold


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_printed_and_written_to_its_place(crashtool, tmp_path, name):
    printed = crashtool("scaffold", name)
    assert printed.exit_code == 0
    assert crashtool("scaffold", name, "--into", "project").exit_code == 0
    target = tmp_path / "project" / SCAFFOLDS[name].path
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
    assert set(FILES) == set(SCAFFOLDS)
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
    lines = [
        itertools.takewhile(lambda line: line.startswith(" " * 8), part.splitlines())
        for part in parts
    ]
    return ["\n".join(line[8:] for line in script) for script in lines]


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize(
    ("requirement", "index", "is_taken"),
    [
        ("./vendor/crashtool-0.1.0-py3-none-any.whl", "", True),
        ("./my vendor/crashtool-0.1.0-py3-none-any.whl", "", True),
        ("crashtool @ https://example.com/crashtool.whl#sha256=" + "0" * 64, "", True),
        ("crashtool==0.1.0", "https://example.com/simple", True),
        ("crashtool==0.1.0", "", False),
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
        capture_output=True,
        text=True,
        check=False,
    )
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
            "PATH": f"{tmp_path}:/usr/bin:/bin",
            "GITHUB_OUTPUT": str(output),
            "PATHS": "build dir/\n$(touch hacked)\n",
            "REQUIRE_FOR": "dist/\n",
            "TAG": 'v1"; ls',
            "RECEIPT": "r.json",
            "SOFT_FAIL": "network",
            "DRY_RUN": "true",
            "CRASHTOOL_SYMBOLS_TOKEN": "",
            "CRASHTOOL_SYMBOLS_URL": "",
            "CRASHTOOL_UNIVERSE": "u",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    words = re.findall(r"\[(.*)\]", done.stdout)
    assert words == [
        "upload-symbols",
        "--ci",
        "github",
        "--receipt",
        "r.json",
        "build dir/",
        "$(touch hacked)",
        "--require-for",
        "dist/",
        "--tag",
        'v1"; ls',
        "--soft-fail=network",
        "--dry-run",
    ]
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize("fork", RELEASES)
def test_cpp_writes_a_set_of_files_that_agree(crashtool, tmp_path, fork):
    call = ["scaffold", "cpp", "--crashpad", fork, "--annotation", "prod=Game", "--into", "project"]
    done = crashtool(*call)
    assert done.exit_code == 0, done.stderr
    folder = tmp_path / "project" / "crash_reporting"
    names = {path.name for path in folder.iterdir()}
    assert names >= {
        "crash_reporting.h",
        "crash_reporting.cpp",
        "CrashReporting.cmake",
        "CrashtoolSymbols.cmake",
        "CrashReporting.props",
        "README.md",
    }
    readme = (folder / "README.md").read_text("utf-8")
    assert {name for name in names if f"| `{name}` |" in readme} == names - {"README.md"}
    for path in folder.iterdir():
        text = path.read_text("utf-8")
        assert not re.search(r"@[A-Z_]{3,}@", text.replace("@ONLY@", "")), path
        assert text.isascii()
        assert text.endswith("\n")
    assert crashtool(*call).exit_code == 0  # the same files are in nobody's way
    (folder / "crash_reporting.h").write_text("mine")
    (folder / "README.md").unlink()
    refused = crashtool(*call)
    assert refused.exit_code == 2
    assert not (folder / "README.md").exists()  # all or nothing
    assert crashtool(*call, "--force").exit_code == 0


def test_a_url_is_written_only_from_a_flag_or_the_project(crashtool, tmp_path):
    url = f"https://submit.backtrace.io/acme/{'0a' * 32}/minidump"
    source = tmp_path / "crash_reporting" / "crash_reporting.cpp"
    call = ["scaffold", "cpp", "--annotation", "prod=Game", "--into", ".", "--force"]

    done = crashtool(*call, env={"CRASHTOOL_URL": url})
    assert "the URL is left to the build" in done.stderr
    assert "0a0a0a" not in source.read_text() + done.stderr
    done = crashtool(*call, "--url", url)
    assert f'#define CRASH_REPORTING_URL "{url}"' in source.read_text()
    assert "0a0a0a0a0a" not in done.stderr
    source.unlink()
    (tmp_path / "crashtool.toml").write_text(f'url = "{url}"\nattachments = ["logs/game.log"]\n')
    assert crashtool(*call).exit_code == 0
    text = source.read_text()
    assert f'#define CRASH_REPORTING_URL "{url}"' in text
    assert 'folder.Append(base::FilePath(FILE_PATH_LITERAL("logs/game.log")))' in text
    assert str(tmp_path) not in text


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--url", "https://acme.sp.backtrace.io:6098"], "path-missing"),
        (["--annotation", "=x"], "empty-key"),
        (["--attachment", "a b.log"], "attachment-name"),
    ],
)
def test_what_would_be_lost_is_an_error_and_nothing_is_written(crashtool, tmp_path, more, said):
    done = crashtool("scaffold", "cpp", "--annotation", "prod=Game", "--into", ".", *more)
    assert done.exit_code == 4
    assert said in done.stderr
    assert not (tmp_path / "crash_reporting").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--into", "."], "the program has no name"),
        (["--name", "Game"], "cpp makes several files"),
        (["--name", "Game", "--into", ".", "--crashpad-version", "0.12"], "has no releases"),
        (["--name", "Game", "--into", ".", "--layout", "sentry", "--crashpad", "upstream"],
         "is Crashpad of sentry"),
        (["--name", "Game", "--into", ".", "--crashpad", "backtrace-2018", "--layout",
          "backtrace-zip", "--platform", "linux"], "there is no backtrace-2018 for linux"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(crashtool, words, said):
    done = crashtool("scaffold", "cpp", *words)
    assert done.exit_code == 2
    assert said in done.stderr


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)
def test_a_folder_is_known_by_what_is_in_it(crashtool, tmp_path, layout):
    mark = tmp_path / "the crashpad" / layout.marks[-1]
    mark.parent.mkdir(parents=True)
    mark.write_text("")
    done = crashtool(
        "scaffold", "cpp", "--name", "Game", "--into", ".", "--crashpad-dir", "the crashpad"
    )
    assert done.exit_code == 0, done.stderr
    text = (tmp_path / "crash_reporting" / "CrashReporting.cmake").read_text()
    assert f'set(CRASHPAD_DIR "{(tmp_path / "the crashpad").resolve()}" CACHE PATH' in text
    assert (layout.cmake is not None) == ("find_package(crashpad CONFIG" in text)


def test_build_files_are_for_the_platforms_that_are_asked_for(crashtool, tmp_path):
    call = ["scaffold", "cpp", "--name", "Game", "--into", ".", "--force", "--platform"]
    folder = tmp_path / "crash_reporting"
    assert crashtool(*call, "linux").exit_code == 0
    assert not (folder / "CrashReporting.props").exists()
    assert "client.lib" not in (folder / "CrashReporting.cmake").read_text()
    assert "Visual Studio\n" not in (folder / "README.md").read_text()
    assert crashtool(*call, "windows").exit_code == 0
    assert "libclient.a" not in (folder / "CrashReporting.cmake").read_text()
    assert "client.lib" in (folder / "CrashReporting.props").read_text()
    assert "defined(__APPLE__)" in (folder / "crash_reporting.cpp").read_text()


def test_a_folder_without_crashpad_is_said(crashtool, tmp_path):
    done = crashtool("scaffold", "cpp", "--name", "x", "--into", ".", "--crashpad-dir", ".")
    assert done.exit_code == 3
    assert "holds no Crashpad that is built" in done.stderr


def test_what_a_crashpad_cannot_do_is_said(crashtool):
    call = ["scaffold", "cpp", "--name", "x", "--into", ".", "--attachment", "a.log", "--force"]
    old = crashtool(*call, "--crashpad", "upstream", "--crashpad-version", "2019-12-31")
    assert "takes no attachments" in old.stderr
    mac = crashtool(*call, "--crashpad", "upstream", "--crashpad-version", "2024-05-05")
    assert "on macOS this Crashpad takes no attachments" in mac.stderr
    zipped = crashtool(*call, "--crashpad", "backtrace-2018")
    assert "the build files are not for macOS" in zipped.stderr
    assert "only calls of it" in crashtool(*call, "--crashpad", "sentry").stderr


def test_obtain_tells_of_every_layout_what_is_in_it(crashtool):
    text = crashtool("scaffold", "obtain").stdout
    for layout in LAYOUTS.values():
        for platform in layout.platforms:
            for library in layout.libraries:
                assert (library.file_name(platform) in text) or platform not in library.platforms
    only = crashtool("scaffold", "obtain", "--crashpad", "sentry").stdout
    assert "## sentry" in only
    assert "## upstream" not in only
    assert "link libcrashpad_client.a, libcrashpad_util.a, libcrashpad_compat.a" in only


def read_json(result):
    """The one document on stdout; nothing is said on stderr besides."""
    assert result.stderr == ""
    return json.loads(result.stdout)


@pytest.mark.parametrize("name", FILES)
def test_json_tells_what_was_written_where_and_what_was_there(crashtool, tmp_path, name):
    printed = read_json(crashtool("scaffold", name, "--json"))
    assert (printed["scaffold"], printed["files"]) == (name, [])
    assert printed["text"] == read_scaffold(name)
    target = tmp_path / "project" / SCAFFOLDS[name].path
    states = []
    for change in (None, None, "mine"):
        if change:
            target.write_text(change)
        written = read_json(crashtool("scaffold", name, "--into", "project", "--force", "--json"))
        (file,) = written["files"]
        assert Path(file["path"]).resolve() == target.resolve()
        assert file["size"] == target.stat().st_size
        assert written["text"] is None
        states.append(file["state"])
    assert states == ["new", "unchanged", "replaced"]


def test_json_of_cpp_tells_files_settings_and_what_is_left(crashtool, tmp_path):
    token = "0123456789abcdef" * 4
    written = read_json(crashtool(
        "scaffold", "cpp", "--json", "--into", ".", "--annotation", "prod=Über Game",
        "--attachment", "log.txt", "--url", f"https://submit.backtrace.io/acme/{token}/minidump",
        "--crashpad", "sentry", "--platform", "linux",
    ))  # fmt: skip
    assert written["valid"] is True
    assert {(tmp_path / file["path"]).stat().st_size for file in written["files"]} == {
        file["size"] for file in written["files"]
    }
    names = {Path(file["path"]).name for file in written["files"]}
    assert {"crash_reporting.cpp", "crash_reporting.h"} <= names
    settings = written["settings"]
    assert settings["annotations"] == {"prod": "Über Game"}
    assert settings["attachments"][0]["path"] == "log.txt"
    assert settings["layouts"] == {"linux": "sentry"}
    assert settings["crashpad"]["fork"] == "sentry"
    assert token not in json.dumps(written)


def test_json_of_cpp_with_faults_is_one_document_with_all_of_them(crashtool, tmp_path):
    result = crashtool(
        "scaffold",
        "cpp",
        "--json",
        "--into",
        ".",
        "--annotation",
        "prod=G",
        "--annotation",
        "=empty",
        "--url",
        "https://submit.backtrace.io/acme/<token>/minidump",
    )
    told = read_json(result)
    assert (result.exit_code, told["valid"], told["files"]) == (4, False, [])
    assert {"empty-key", "placeholder"} <= {finding["rule"] for finding in told["findings"]}
    assert not list(tmp_path.iterdir())


def test_json_of_obtain_has_the_layouts_of_each_fork(crashtool):
    told = read_json(crashtool("scaffold", "obtain", "--json"))
    assert {fork["fork"] for fork in told["forks"]} == set(RELEASES)
    layouts = {row["layout"]: row for fork in told["forks"] for row in fork["layouts"]}
    assert set(layouts) == set(LAYOUTS)
    files = layouts["backtrace-zip"]["platforms"]["windows"]
    assert files["libraries"][0] == "lib_md/client.lib"
    assert files["handler"] == "bin/crashpad_handler.exe"


def test_an_attachment_in_the_programs_folder_is_named_as_it_was_given(crashtool):
    done = crashtool("scaffold", "cpp", "--into", ".", "--name", "G", "--attachment", "my log.txt")
    assert done.exit_code == 4
    assert "attachment-name: my log.txt" in done.stderr


@pytest.mark.parametrize(
    ("name", "folder"), [("CON", "CON_"), ("aux", "aux_"), ("Console", "Console")]
)
def test_a_name_that_windows_keeps_for_a_device_is_no_folder(crashtool, name, folder):
    done = crashtool("scaffold", "cpp", "--into", ".", "--name", name, "--json")
    assert read_json(done)["settings"]["folder_name"] == folder
