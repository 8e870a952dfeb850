"""upload-symbols against the receiver, on the loopback interface."""

import gzip
import hashlib
import json
import os
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from crashtool.services.receiver.app import start_receiver
from tests.synth.object_files import build_elf, build_macho, build_pe, build_sym, full_elf
from tests.synth.pdb import build_pdb
from tests.toolchain import run_tool

TOKEN, SYMBOLS = "ab" * 32, "5c" * 32


@pytest.fixture
def build(tmp_path):
    """Files of each kind, some of one name, and a bundle."""
    folder = tmp_path / "build"
    files = {
        "bin/app": full_elf(),
        "bin/app.exe": build_pe(),
        "pdb/app.pdb": build_pdb(),
        "other/app": full_elf(build_id=bytes(range(40, 60))),
        "sym/app.sym.gz": gzip.compress(build_sym(lines=("FUNC 0 1 0 f", "FILE 0 a.c"))),
        "App.dSYM/Contents/Resources/DWARF/App": build_macho(file_type=10),
        "App.dSYM/Contents/Info.plist": b"<plist/>",
        "notes.txt": b"not a debug file",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def receive(tmp_path):
    """Start a receiver with its own folder and faults."""

    def start(*faults, **options):
        return start_receiver(
            tmp_path / "inbox", token=TOKEN, symbols_token=SYMBOLS, faults=faults, **options
        )

    return start


def url_of(receiver):
    return receiver.submission_url("symbols")


def stored(receiver):
    return sorted(receiver.inbox.reports(), key=lambda report: report.id)


def test_an_archive_arrives_with_every_byte(crashtool, receive, build):
    with receive() as receiver:
        result = crashtool("upload-symbols", "--url", url_of(receiver), "--tag", "v1.2 beta", build)
        (report,) = stored(receiver)
        (arrived,) = report.files
        with zipfile.ZipFile(arrived.path) as archive:
            assert archive.testzip() is None
            contents = {name: archive.read(name) for name in archive.namelist()}

    assert result.exit_code == 0, result.stderr
    assert report.format == "symbols"
    assert report.query["tag"] == "v1.2 beta"
    assert f"rxid {report.rxid}" in result.stdout
    identifier = "2B2A29282D2C2F2E30313233343536370"
    assert contents == {
        "app": (build / "bin/app").read_bytes(),
        f"{identifier}/app": (build / "other/app").read_bytes(),
        "app.exe": (build / "bin/app.exe").read_bytes(),
        "app.pdb": (build / "pdb/app.pdb").read_bytes(),
        "app.sym": gzip.decompress((build / "sym/app.sym.gz").read_bytes()),
        "App.dSYM/Contents/Resources/DWARF/App": build_macho(file_type=10),
        "App.dSYM/Contents/Info.plist": b"<plist/>",
    }


def test_single_files_arrive_under_their_names(crashtool, receive, build):
    with receive() as receiver:
        result = crashtool(
            "upload-symbols",
            "--single",
            "--url",
            url_of(receiver),
            "--type",
            "pdb",
            "--type",
            "pe",
            "--type",
            "sym",
            build,
        )
        reports = stored(receiver)
        contents = {row.query["upload_file"]: row.files[0].path.read_bytes() for row in reports}

    assert result.exit_code == 0, result.stderr
    assert contents == {
        "app.exe": (build / "bin/app.exe").read_bytes(),
        "app.pdb": (build / "pdb/app.pdb").read_bytes(),
        "app.sym": gzip.decompress((build / "sym/app.sym.gz").read_bytes()),
    }


def test_single_files_are_compressed_on_the_way_if_asked(crashtool, tmp_path):
    text = build_sym(lines=[f"PUBLIC {n:x} 0 function{n}" for n in range(9999)])
    (tmp_path / "app1.sym").write_bytes(text)
    with start_receiver(tmp_path / "inbox", faults=["503:1@0"]) as receiver:
        result = crashtool(
            "upload-symbols",
            "app1.sym",
            "--single",
            "--gzip",
            "--json",
            "--url",
            receiver.submission_url("symbols"),
        )
        (report,) = receiver.inbox.reports()
        assert report.files[0].path.read_bytes() == text
    assert result.exit_code == 0, result.stderr
    (row,) = json.loads(result.stdout)["requests"]
    assert row["sent"] < len(text) / 2
    assert "503" in result.stderr
    refused = crashtool("upload-symbols", "app1.sym", "--gzip", "-n")
    assert refused.exit_code == 2


def test_elf_and_dsym_do_not_go_alone(crashtool, build):
    result = crashtool("upload-symbols", "--single", "--dry-run", build)

    assert result.exit_code == 2
    assert "only inside an archive" in result.stderr


def test_archives_are_split_and_each_has_its_receipt(crashtool, receive, build, tmp_path):
    with receive() as receiver:
        result = crashtool(
            "upload-symbols",
            "--url",
            url_of(receiver),
            "--max-archive-size",
            "2K",
            "--receipt",
            tmp_path / "receipt.json",
            build,
        )
        reports = stored(receiver)

    assert result.exit_code == 0, result.stderr
    assert len(reports) > 1
    receipt = json.loads((tmp_path / "receipt.json").read_text(encoding="utf-8"))
    assert sorted(row["rxid"] for row in receipt["requests"]) == sorted(r.rxid for r in reports)
    assert SYMBOLS not in json.dumps(receipt)
    hashes = {row["path"]: row["sha256"] for row in receipt["files"]}
    pdb = build / "pdb" / "app.pdb"
    assert hashes[str(pdb)] == hashlib.sha256(pdb.read_bytes()).hexdigest()
    assert all(hashes.values())


def test_a_dry_run_shows_the_same_and_sends_nothing(crashtool, receive, build):
    with receive() as receiver:
        dry = crashtool("upload-symbols", "-n", "--url", url_of(receiver), build)
        assert stored(receiver) == []
        real = crashtool("upload-symbols", "--url", url_of(receiver), build)
    alone = crashtool("upload-symbols", "-n", build)

    assert dry.exit_code == real.exit_code == alone.exit_code == 0
    table = dry.stdout.partition("would upload")[0]
    assert table
    assert real.stdout.startswith(table)
    assert alone.stdout == dry.stdout


def test_output_writes_the_archive_and_does_not_find_it_again(crashtool, build):
    target = build / "symbols.zip"
    first = crashtool("upload-symbols", "--output", target, build)
    content = target.read_bytes()
    second = crashtool("upload-symbols", "--output", target, build)

    assert first.exit_code == second.exit_code == 0
    assert "written" in first.stdout
    assert target.read_bytes() == content
    assert sorted(path.name for path in build.iterdir() if path.is_file()) == [
        "notes.txt",
        "symbols.zip",
    ]


def test_json_is_one_document(crashtool, receive, build):
    with receive() as receiver:
        result = crashtool("upload-symbols", "--json", "--url", url_of(receiver), build, "gone")

    document = json.loads(result.stdout)
    assert result.exit_code == document["error"]["exit_status"] == 8
    assert document["schema_version"] == 1
    assert document["requests"][0]["status"] == "uploaded"
    assert document["requests"][0]["rxid"]
    assert document["failed"] == [{"path": "gone", "reason": "does not exist", "hint": ""}]
    by_name = {Path(row["path"]): row["objects"] for row in document["files"]}
    assert by_name[build / "pdb" / "app.pdb"][0]["debug_id"] == "1413121116151817191A1B1C1D1E1F201"


def test_warnings_stand_in_the_table_with_their_fix(crashtool, build):
    (build / "bin" / "app").write_bytes(full_elf(build_id=None))

    result = crashtool("upload-symbols", "-n", build)

    assert result.exit_code == 0
    assert "none (no build id)" in result.stdout
    assert "no-build-id" in result.stdout
    assert "fix: link with -Wl,--build-id=sha1" in result.stdout


@pytest.mark.parametrize(
    ("name", "content", "status", "words"),
    [
        ("empty.sym", build_sym(lines=()), 4, "empty-sym"),
        ("plugin.so", full_elf(build_id=None), 4, "no-build-id"),
        ("game", build_elf(), 4, "stripped"),
        ("game.pdb", build_pdb(), 4, "empty-pdb"),
        (
            "zeroed.pdb",
            build_pdb()[:3000] + bytes(600) + build_pdb()[3600:],
            3,
            "cannot read the debug",
        ),
    ],
)
class TestUseless:
    def test_a_call_of_which_nothing_is_usable_sends_nothing(
        self, crashtool, tmp_path, name, content, status, words
    ):
        (tmp_path / name).write_bytes(content)

        for option in (["--dry-run"], ["-o", "x.zip"]):
            result = crashtool("upload-symbols", *option, name)
            assert result.exit_code == status, result.stdout
            assert words in result.stdout
            assert "would upload" not in result.stdout
            assert not (tmp_path / "x.zip").exists()

    def test_beside_something_usable_it_is_no_error_unless_it_is_damaged(
        self, crashtool, tmp_path, name, content, status, words
    ):
        (tmp_path / name).write_bytes(content)
        (tmp_path / "good.sym").write_bytes(build_sym(lines=("FUNC 0 1 0 f", "FILE 0 a.c")))

        result = crashtool("upload-symbols", "--dry-run", name, "good.sym")

        assert result.exit_code == (8 if status == 3 else 0)
        assert words in result.stdout
        assert "error" not in result.stdout  # which means a status

    def test_it_goes_when_that_is_allowed(self, crashtool, tmp_path, name, content, status, words):
        (tmp_path / name).write_bytes(content)

        result = crashtool("upload-symbols", "--dry-run", "--allow-empty", name)

        assert result.exit_code == (3 if status == 3 else 0)
        assert words in result.stdout


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
class TestNothing:
    def test_nothing_found_is_an_error(self, crashtool, dry, tmp_path):
        (tmp_path / "empty").mkdir()

        result = crashtool("upload-symbols", *dry, "-o", "x.zip", "empty")

        assert result.exit_code == 3
        assert "no debug files" in result.stderr
        assert not (tmp_path / "x.zip").exists()

    def test_unless_it_is_allowed(self, crashtool, dry, tmp_path):
        (tmp_path / "empty").mkdir()

        for option in ("--allow-empty", "--pass-with-no-files"):
            assert crashtool("upload-symbols", *dry, option, "-o", "x.zip", "empty").exit_code == 0

    def test_a_path_that_does_not_exist_is_an_error_alone_and_partial_with_others(
        self, crashtool, dry, build
    ):
        alone = crashtool("upload-symbols", *dry, "--allow-empty", "-o", "x.zip", "gone")
        among = crashtool("upload-symbols", *dry, "-o", "x.zip", "gone", build)

        assert alone.exit_code == 3
        assert "gone: does not exist" in alone.stderr
        assert among.exit_code == 8

    def test_everything_filtered_out_is_nothing(self, crashtool, dry, build):
        result = crashtool("upload-symbols", *dry, "-o", "x.zip", "--exclude", "*", build)

        assert result.exit_code == 3


class TestMistakes:
    @pytest.mark.parametrize(
        ("url", "words"),
        [
            (f"https://submit.backtrace.io/a/{TOKEN}/minidump", "submission token"),
            ("ftp://example.com/x", "cannot be used"),
        ],
    )
    def test_a_url_that_cannot_be_used_fails_a_check(self, crashtool, build, url, words):
        result = crashtool("upload-symbols", "--url", url, build)

        assert result.exit_code == 4
        assert words in result.stderr
        assert TOKEN not in result.stderr

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ([], "no files given"),
            (["build"], "no URL to send symbols to"),
            (["build", "--universe", "acme"], "no symbol token"),
            (["build", "-o", "x.zip", "--single"], "cannot be combined"),
            (["build", "-n", "--single", "--max-archive-size", "1G"], "cannot be combined"),
            (["build", "--max-archive-size", "large"], "is not a size"),
            (["build", "--max-archive-size", "0"], "is not a size"),
            (["build", "--type", "exe"], "'exe' is not one of"),
        ],
    )
    def test_a_mistake_is_said_before_anything_is_sent(self, crashtool, tmp_path, arguments, words):
        (tmp_path / "build").mkdir()
        (tmp_path / "build" / "app").write_bytes(full_elf())
        result = crashtool("upload-symbols", *arguments)

        assert result.exit_code == 2
        assert words in result.stderr
        assert TOKEN not in result.stderr

    def test_a_folder_that_does_not_exist_takes_no_archive(self, crashtool, build):
        result = crashtool("upload-symbols", "-o", "gone/x.zip", build)

        assert result.exit_code == 9
        assert "does not exist" in result.stderr

    def test_an_archive_that_cannot_be_written_leaves_nothing(
        self, crashtool, build, tmp_path, monkeypatch
    ):
        def refuse(self, target):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(type(tmp_path), "replace", refuse)
        result = crashtool("upload-symbols", "-o", "x.zip", build)

        assert result.exit_code == 9
        assert "cannot write x.zip: permission denied" in result.stderr.lower()
        assert {path.name for path in tmp_path.iterdir()} - {"cache"} == {"build"}

    def test_a_receipt_that_cannot_be_written_does_not_hide_the_upload(
        self, crashtool, receive, build
    ):
        receipt = "n" * 300  # longer than a file name may be
        with receive() as receiver:
            result = crashtool(
                "upload-symbols", "--json", "--receipt", receipt, "--url", url_of(receiver), build
            )

        document = json.loads(result.stdout)
        assert result.exit_code == 9
        assert "cannot write" in document["error"]["message"]
        assert document["requests"][0]["status"] == "uploaded"

    def test_the_token_may_come_from_a_file(self, crashtool, receive, build, tmp_path):
        (tmp_path / "token").write_text(SYMBOLS + "\n", encoding="utf-8")
        with receive() as receiver:
            root = url_of(receiver).partition("/local")[0]
            result = crashtool(
                "upload-symbols", "--url", f"{root}/", "--token-file", "token", build
            )

        assert result.exit_code == 0, result.stderr


class TestServer:
    def upload(self, crashtool, receiver, *arguments):
        return crashtool(
            "upload-symbols", "--url", url_of(receiver), "--retry-for", "0", *arguments
        )

    def test_a_refused_token_ends_at_once(self, crashtool, receive, build):
        with receive() as receiver:
            url = url_of(receiver).replace(SYMBOLS, "77" * 32)
            result = crashtool(
                "upload-symbols", "--url", url, "--soft-fail", "--max-archive-size", "1", build
            )

        assert result.exit_code == 5
        assert "symbol token" in result.stderr
        assert "not tried" in result.stdout

    def test_a_no_in_a_200_is_a_no(self, crashtool, receive, build):
        with receive("refuse") as receiver:
            result = self.upload(crashtool, receiver, "--soft-fail", build)

        assert result.exit_code == 6
        assert "uploaded" not in result.stdout.replace("not uploaded", "")

    @pytest.mark.parametrize(
        ("fault", "status"), [("503", 7), ("500", 7), ("429", 6), ("close", 7), ("truncate", 7)]
    )
    def test_an_outage_is_an_error_unless_forgiven(self, crashtool, receive, build, fault, status):
        with receive(fault) as receiver:
            hard = self.upload(crashtool, receiver, build)
            soft = self.upload(crashtool, receiver, "--soft-fail", build)

        assert hard.exit_code == status
        assert "failed" in hard.stdout
        assert soft.exit_code == 0
        assert "--soft-fail" in soft.stderr
        assert "failed" in soft.stdout

    def test_an_archive_is_sent_again_from_its_beginning(self, crashtool, receive, build):
        with receive("503:1@0") as receiver:
            result = crashtool("upload-symbols", "--url", url_of(receiver), build)
            (report,) = stored(receiver)
            with zipfile.ZipFile(report.files[0].path) as archive:
                assert archive.testzip() is None

        assert result.exit_code == 0, result.stderr
        assert "trying again" in result.stderr

    def test_some_of_several_is_partial(self, crashtool, receive, build):
        with receive("500:1") as receiver:
            result = self.upload(crashtool, receiver, "--max-archive-size", "1", build)

        assert result.exit_code == 8
        assert "1 of the uploads failed" in result.stderr

    def test_soft_fail_does_not_forgive_a_missing_input(self, crashtool, receive, build):
        with receive("503") as receiver:
            result = self.upload(crashtool, receiver, "--soft-fail", "gone", build)

        assert result.exit_code == 3

    def test_insecure_warns_each_time(self, crashtool, receive, build):
        with receive() as receiver:
            result = self.upload(crashtool, receiver, "--insecure", build)

        assert "not verified" in result.stderr


MEASURE = """
import sys
from crashtool.cli import main
try:
    main(sys.argv[1:])
finally:
    rows = dict(line.split(":", 1) for line in open("/proc/self/status"))
    sys.stderr.write("peak " + rows["VmHWM"].split()[0])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_files(receive, tmp_path):
    large = tmp_path / "app"
    with large.open("wb") as file:
        file.write(full_elf())
        file.truncate(300_000_000)
    environment = {name: value for name, value in os.environ.items() if "PROXY" not in name.upper()}

    with receive() as receiver:
        run = subprocess.run(
            [
                sys.executable,
                "-c",
                MEASURE,
                "upload-symbols",
                "--allow-empty",
                "--url",
                url_of(receiver),
                large,
            ],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        (report,) = stored(receiver)
        with zipfile.ZipFile(report.files[0].path) as archive:
            assert archive.getinfo("app").file_size == 300_000_000

    assert run.returncode == 0, run.stderr
    assert int(run.stderr.rpartition("peak ")[2]) < 100_000


def test_help_imports_neither_requests_nor_symbolic():
    script = (
        "import sys\nfrom crashtool.commands.root_command import root\n"
        "try: root.main(['upload-symbols', '--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(bool({'requests', 'symbolic', 'zipfile', 'rich', 'ssl'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)

    assert run.returncode == 0


class TestGate:
    def test_a_module_without_symbols_keeps_everything_from_being_sent(
        self, crashtool, tmp_path, truth
    ):
        folder = truth / "windows" / "bin" / "msvc-x64"
        result = crashtool(
            "upload-symbols",
            folder / "crasher.exe",
            folder / "crasher.pdb",
            "--require-for",
            folder,
            "--soft-fail",
            "--json",
        )
        assert result.exit_code == 2  # no destination: a mistake in the call comes first
        result = crashtool(
            "upload-symbols",
            folder / "crasher.exe",
            folder / "crasher.pdb",
            "--require-for",
            folder,
            "-o",
            "symbols.zip",
        )
        assert result.exit_code == 4
        assert "plugin.dll" in result.stderr
        assert "missing" in result.stdout
        assert not (tmp_path / "symbols.zip").exists()

    def test_with_all_symbols_they_go(self, crashtool, tmp_path, truth):
        folder = truth / "windows" / "bin" / "msvc-x64"
        result = crashtool(
            "upload-symbols", folder, "--require-for", folder, "-o", "symbols.zip", "--json"
        )
        assert result.exit_code == 0
        document = json.loads(result.stdout)
        assert [row["status"] for row in document["gate"]] == ["ok", "ok"]
        assert {Path(row["partner"]).name for row in document["pairs"]} == {
            "crasher.pdb",
            "plugin.pdb",
        }
        assert (tmp_path / "symbols.zip").exists()

    def test_strictness_is_a_failed_check(self, crashtool, truth):
        pdb = truth / "windows" / "bin" / "msvc-x64" / "crasher.pdb"
        assert crashtool("upload-symbols", "-n", pdb).exit_code == 0
        result = crashtool("upload-symbols", "-n", "--strict", pdb)
        assert result.exit_code == 4
        assert "pdb-without-image" in result.stderr

    def test_headers_can_be_believed(self, crashtool, truth, tmp_path):
        """Its .eh_frame holds the rules of the start files alone."""
        whole, lean = truth / "objects" / "elf" / "nounwind", tmp_path / "lean"
        run_tool("objcopy", "--remove-section", ".debug_frame", whole, lean)
        slow = crashtool("upload-symbols", "-n", "--json", lean)
        quick = crashtool("upload-symbols", "-n", "--json", "--quick", lean)
        rules = [
            {row["rule"] for row in json.loads(result.stdout)["warnings"]}
            for result in (slow, quick)
        ]
        assert rules == [{"no-unwind"}, set()]


def test_a_network_failure_is_said_once(crashtool, build):
    url = f"http://127.0.0.1:{closed_port()}/acme/{'ab' * 32}/symbols"
    for words in ([], ["--soft-fail"], ["--soft-fail", "--quiet"]):
        result = crashtool("upload-symbols", "--url", url, "--retry-for", "0", build, *words)
        assert result.output.count("refused the connection") == 1
        assert ("warning" in result.stderr) == (words == ["--soft-fail"])


def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
