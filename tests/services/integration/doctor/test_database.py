"""database.place, .length, .state and .space: each fault planted, its twin healthy."""

import os
import sys
import time

import pytest

from crashtool.formats.crashpad.metadata import Metadata
from crashtool.model.doctor import PASS, SKIP, WARNING
from crashtool.services.integration.doctor import database_place
from crashtool.services.integration.doctor.database_place import (
    LEAST_FREE,
    assess_mount,
    assess_space,
    find_doubt,
)
from crashtool.services.integration.doctor.mounts import Mount, find_mount, parse_mounts
from tests.services.integration.doctor.folders import (
    elf_program,
    examine,
    failures,
    find_finding,
    warnings,
    write_program,
)
from tests.synth.database import GenericDatabase, report_id, write_settings

NAME = "/var/lib/game/crashes"
posix = pytest.mark.skipif(os.name == "nt", reason="needs paths of POSIX")


def look(root, path=NAME):
    """The diagnosis of a configured database in an image, where no other disk has a say."""
    empty = root / "nothing"
    empty.mkdir(exist_ok=True)
    return examine(empty, settings={"database": path}, root=root)


@posix
def test_a_folder_that_can_be_made_passes(tmp_path):
    (tmp_path / "var/lib/game").mkdir(parents=True)

    diagnosis = look(tmp_path)

    assert (failures(diagnosis), warnings(diagnosis)) == (set(), set())
    assert find_finding(diagnosis, "database.place", PASS)


@posix
def test_parents_are_not_made_by_crashpad(tmp_path):
    diagnosis = look(tmp_path)

    assert failures(diagnosis) == {"database.place"}
    assert "/var/lib/game does not exist" in find_finding(diagnosis, "database.place").cause


@posix
def test_a_file_in_the_way(tmp_path):
    (tmp_path / "var/lib/game").mkdir(parents=True)
    (tmp_path / "var/lib/game/crashes").write_text("")

    diagnosis = look(tmp_path)

    assert failures(diagnosis) == {"database.place"}
    assert "a file is in the way" in find_finding(diagnosis, "database.place").cause


@posix
@pytest.mark.parametrize("exists", [False, True])
def test_a_folder_that_may_not_be_written(tmp_path, exists):
    """As the first run as root leaves it: 0700, another user's."""
    folder = tmp_path / "var/lib/game"
    folder.mkdir(parents=True)
    if exists:
        folder = folder / "crashes"
        folder.mkdir()
    folder.chmod(0o555 if not exists else 0o755)
    (tmp_path / "nothing").mkdir()
    as_root = os.geteuid() == 0
    if as_root:
        for above in tmp_path.parents[:4]:
            if above.stat().st_uid == 0 and above.name.startswith(("pytest", "popen")):
                above.chmod(0o755)
        tmp_path.chmod(0o755)
        os.seteuid(65534)
    elif exists:
        folder.chmod(0o555)
    try:
        diagnosis = look(tmp_path)
    finally:
        if as_root:
            os.seteuid(0)
        folder.chmod(0o755)

    assert failures(diagnosis) == {"database.place"}
    assert "of user" in find_finding(diagnosis, "database.place").cause


def test_a_relative_path_is_a_warning(tmp_path):
    diagnosis = examine(tmp_path, settings={"database": "crashes/db"})

    assert failures(diagnosis) == set()
    assert "relative" in find_finding(diagnosis, "database.place", WARNING).cause


@posix
def test_a_path_of_windows_is_not_judged_elsewhere(tmp_path):
    diagnosis = examine(tmp_path, settings={"database": r"C:\Users\me\AppData\Local\Game\crashes"})

    assert "Windows" in find_finding(diagnosis, "database.place", SKIP).cause
    assert failures(diagnosis) | warnings(diagnosis) == set()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/tmp/game", "temporary"),  # noqa: S108 (judged, not used)
        (r"C:\Windows\Temp\game", "temporary"),
        ("/usr/lib/game/crashes", "installed"),
        ("/opt/game/crashes", "installed"),
        (r"C:\Program Files (x86)\Game\crashes", "installed"),
        ("/Users/me/Game.app/Contents/crashes", "installed"),
        ("/srv/game/crashes", "installed"),
        ("/home/me/.local/state/game/crashes", ""),
        ("/Users/me/Library/Application Support/game", ""),
        (r"C:\Users\me\AppData\Local\Game\crashes", ""),
        ("/tmpfiles/game", ""),  # noqa: S108
    ],
)
def test_places_that_do_not_last_are_told_by_their_paths(path, words):
    doubt = find_doubt(path, ["/srv/game/game"], system="another")

    assert bool(doubt) == bool(words)
    assert words in (doubt.cause if doubt else "")


@pytest.mark.parametrize(
    ("mount", "is_container", "words"),
    [
        (Mount("/home", "nfs4"), False, "network"),
        (Mount("/home", "cifs"), True, "network"),
        (Mount("/", "overlay"), True, "container's own layer"),
        (Mount("/", "overlay"), False, ""),
        (Mount("/data", "ext4"), True, ""),
        (None, True, ""),
    ],
)
def test_file_systems_that_are_no_good_are_told(mount, is_container, words):
    doubt = assess_mount(mount, is_container=is_container)

    assert bool(doubt) == bool(words)
    assert words in (doubt.cause if doubt else "")


def test_the_mount_of_a_path_is_the_last_of_the_longest():
    text = (
        "22 1 0:21 / / rw - overlay overlay rw\n"
        "23 22 0:22 / /data\\040one rw,relatime shared:1 - nfs4 server:/x rw\n"
        "24 22 0:22 / /data rw - ext4 /dev/sda1 rw\nnot a mount\n"
        "25 22 0:22 / /data rw - xfs /dev/sda2 rw\n"
    )
    mounts = parse_mounts(text)

    assert find_mount(mounts, "/data one/x") == Mount("/data one", "nfs4")
    assert find_mount(mounts, "/data/x") == Mount("/data", "xfs")
    assert find_mount(mounts, "/database") == Mount("/", "overlay")


@pytest.mark.parametrize(("length", "is_long"), [(210, False), (211, True)])
def test_a_path_of_windows_must_leave_room_for_reports(tmp_path, length, is_long):
    path = "C:\\" + "x" * (length - 3)

    diagnosis = examine(tmp_path, settings={"database": path})

    assert ("database.length" in warnings(diagnosis)) == is_long


def make_database(folder, **settings):
    folder.mkdir(exist_ok=True)
    for name in ("new", "pending", "completed"):
        (folder / name).mkdir(exist_ok=True)
    write_settings(folder, **settings)
    return folder


def test_a_database_with_uploads_on_passes(tmp_path):
    diagnosis = examine(make_database(tmp_path / "db"))

    assert failures(diagnosis) | (warnings(diagnosis) - {"database.space"}) == set()


def test_uploads_that_are_off_are_a_failure(tmp_path):
    diagnosis = examine(make_database(tmp_path / "db", uploads_enabled=False))

    assert failures(diagnosis) == {"database.state"}
    found = find_finding(diagnosis, "database.state")
    assert "uploads are off" in found.cause
    assert "--uploads enabled" in found.fix


def test_the_advice_on_uploads_helps_word_by_word(tmp_path, crashtool):
    database = make_database(tmp_path / "db", uploads_enabled=False)

    done = crashtool("database", "settings", database, "--uploads", "enabled")

    assert done.exit_code == 0
    assert failures(examine(database)) == set()


def test_damaged_settings_are_a_warning(tmp_path):
    database = make_database(tmp_path / "db")
    (database / "settings.dat").write_bytes(b"garbage")

    diagnosis = examine(database)

    assert failures(diagnosis) == set()
    assert "settings.dat" in find_finding(diagnosis, "database.state", WARNING).cause


def test_a_stale_lock_and_an_unsent_report_are_told_apart(tmp_path):
    database = make_database(tmp_path / "db")
    content = GenericDatabase(database)
    for number in (1, 2):
        content.add(number, "pending", Metadata(created=int(time.time()) - 9000))
    lock = database / "pending" / f"{report_id(1)}.lock"
    lock.write_bytes(int(time.time() - 7200).to_bytes(8, "little"))

    diagnosis = examine(database)

    causes = [
        row.cause
        for row in diagnosis.findings
        if (row.check, row.verdict) == ("database.state", WARNING)
    ]
    assert len(causes) == 2
    assert "1 report is locked for more than an hour" in causes[0]
    assert causes[1].startswith("1 report is not sent: waits")


@posix
def test_a_configured_database_is_looked_into_once(tmp_path):
    database = make_database(tmp_path / "db", uploads_enabled=False)

    diagnosis = examine(database, settings={"database": str(database)})

    assert find_finding(diagnosis, "database.state").file == str(database)


@pytest.mark.parametrize(
    ("free", "limit", "count"),
    [(LEAST_FREE, None, 0), (LEAST_FREE - 1, None, 1), (1 << 40, 8192, 1), (0, 0, 2)],
)
def test_room_is_judged_by_what_a_dump_takes(free, limit, count):
    assert len(list(assess_space("db", free, limit))) == count


@pytest.mark.skipif(sys.platform == "win32", reason="needs ulimit")
def test_a_limit_on_the_size_of_files_is_told(tmp_path):
    import resource

    database = make_database(tmp_path / "db")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8 << 20, hard))
    try:
        diagnosis = examine(database)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    causes = [row.cause for row in diagnosis.findings if row.check == "database.space"]
    assert any("ulimit -f" in cause for cause in causes)


def test_the_program_beside_a_database_makes_it_one_of_an_installation(tmp_path):
    write_program(tmp_path / "dist" / "app", elf_program())
    configured = {"database": str(tmp_path / "dist" / "crashes")}

    diagnosis = examine(tmp_path / "dist", settings=configured)

    assert "database.place" in warnings(diagnosis)


@posix
@pytest.mark.parametrize("is_build", [False, True])
def test_a_build_folder_is_no_installation(tmp_path, monkeypatch, is_build):
    """What a developer builds and tries out may have its database beside it."""
    monkeypatch.setattr(database_place, "TEMPORARY", ())
    monkeypatch.setattr(database_place.tempfile, "gettempdir", lambda: "/nowhere")
    write_program(tmp_path / "app", elf_program())
    if is_build:
        (tmp_path / "CMakeCache.txt").write_text("CMAKE_BUILD_TYPE:STRING=Debug\n")
    diagnosis = examine(tmp_path, settings={"database": f"{tmp_path}/crashes"})
    causes = [row.cause for row in diagnosis.findings if row.check == "database.place"]
    told = [cause for cause in causes if cause and "programs are installed" in cause]
    assert bool(told) != is_build
