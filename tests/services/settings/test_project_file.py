"""A project file that someone else may have written is not read."""

import os

import pytest

from crashtool.errors import UsageError
from crashtool.services.settings.layers import Settings, current_settings
from crashtool.services.settings.project_file import check_project_file

pytestmark = pytest.mark.skipif(os.name == "nt", reason="access control lists are not read")
NOBODY = 65534


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir(mode=0o755)
    (folder / "crashtool.toml").write_text('tag = "v1"\n', encoding="utf-8")
    (folder / "crashtool.toml").chmod(0o644)
    return folder


def assert_refused(folder, reason):
    below = folder / "src"
    below.mkdir(exist_ok=True)
    with pytest.raises(UsageError, match="is refused") as error:
        Settings({}, below, folder / "no-user")
    assert reason in error.value.what
    assert "--project-file" in error.value.hint


def test_ones_own_file_in_ones_own_folder_is_read(project):
    assert Settings({}, project, project / "no-user").find("tag").value == "v1"


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o757], ids=oct)
def test_a_folder_that_all_may_write_is_refused_sticky_or_not(project, mode):
    project.chmod(mode)
    assert_refused(project, "others may write its folder")


def test_a_file_that_all_may_write_is_refused(project):
    (project / "crashtool.toml").chmod(0o666)
    assert_refused(project, "others may write it (mode 666)")


def test_a_folder_whose_place_all_may_take_is_refused(project):
    project.parent.chmod(0o777)
    assert_refused(project, f"others may replace what is in {project.parent}")
    project.parent.chmod(0o1777)
    assert check_project_file(str(project / "crashtool.toml")) is None, (
        "in a sticky one they cannot"
    )


@pytest.fixture
def as_root():
    if os.geteuid():
        pytest.skip("needs the superuser, to give files away")


@pytest.mark.usefixtures("as_root")
class TestOwners:
    def test_another_users_file_is_refused(self, project):
        os.chown(project / "crashtool.toml", NOBODY, NOBODY)
        assert_refused(project, f"(uid {NOBODY})")

    def test_another_users_folder_is_refused(self, project):
        os.chown(project, NOBODY, NOBODY)
        assert_refused(project, "its folder")

    def test_a_link_to_another_users_file_is_refused(self, project):
        theirs = project.parent / "theirs"
        theirs.mkdir()
        (project / "crashtool.toml").rename(theirs / "crashtool.toml")
        os.chown(theirs / "crashtool.toml", NOBODY, NOBODY)
        (project / "crashtool.toml").symlink_to(theirs / "crashtool.toml")
        assert_refused(project, f"(uid {NOBODY})")

    def test_a_folder_that_a_group_of_several_may_write_is_refused(self, project):
        os.chown(project, 0, NOBODY)
        project.chmod(0o775)
        assert_refused(project, "others may write its folder")

    def test_a_group_of_ones_own_is_no_one_else(self, project):
        project.chmod(0o775)  # root:root here, user:user where each user has a group
        assert check_project_file(str(project / "crashtool.toml")) is None

    def test_who_became_root_by_sudo_is_the_same_person(self, project, monkeypatch):
        os.chown(project, NOBODY, NOBODY)
        monkeypatch.setenv("SUDO_UID", str(NOBODY))
        assert check_project_file(str(project / "crashtool.toml")) is None


@pytest.mark.usefixtures("project")
def test_a_file_that_the_user_names_is_read_whoever_wrote_it(project, monkeypatch):
    project.chmod(0o777)
    file = str(project / "crashtool.toml")
    monkeypatch.chdir(project)

    assert current_settings(file).find("tag").value == "v1"
    monkeypatch.setenv("CRASHTOOL_PROJECT_FILE", file)
    assert current_settings().find("tag").value == "v1"
    monkeypatch.setenv("CRASHTOOL_PROJECT_FILE", "")
    assert current_settings().find("tag") is None
    assert current_settings("").find("tag") is None


def test_the_advice_of_a_refusal_works(crashtool, project, monkeypatch):
    project.chmod(0o777)
    monkeypatch.chdir(project)
    refused = crashtool("upload-symbols", "--show-settings")
    assert "is refused" in refused.stderr
    assert crashtool("upload-symbols", "x").exit_code == 2

    words = refused.stderr.partition("--project-file ")[2].split()[0]
    shown = crashtool("upload-symbols", "--project-file", words, "--show-settings")
    assert "v1" in shown.stdout
    monkeypatch.setenv("CRASHTOOL_PROJECT_FILE", "")
    assert crashtool("upload-symbols", "--show-settings").stderr == ""
