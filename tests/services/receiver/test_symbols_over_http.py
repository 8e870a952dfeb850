"""Symbols that a receiver gives back make the stacks that the files themselves make."""

import io
import json
import shutil
import subprocess
import sys
import zipfile
from contextlib import ExitStack, closing
from pathlib import PurePosixPath

import pytest
import requests

from benchmarks.peers import DEFAULT_FOLDER, RUST, find_peer
from crashtool.commands.dump_pages import DumpPages
from crashtool.formats.identifiers import BuildId
from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report
from crashtool.services.receiver.app import start_receiver
from crashtool.services.symbols.session import open_session
from crashtool.services.symbols.symbol_plan import SymbolPlan
from tests.services.receiver.conftest import wait_until

# Nothing tells which file the program is: no server can be asked for one without an identifier.
NAMELESS = "nobuildid"


@pytest.fixture(scope="module")
def linux(truth):
    return truth / "linux"


@pytest.fixture(scope="module")
def cases(linux):
    return json.loads((linux / "manifest.json").read_text(encoding="utf-8"))["cases"]


@pytest.fixture(scope="module")
def store(linux, cases, tmp_path_factory):
    """A Breakpad store of all that the truth's programs are made of, by the names in the dumps."""
    dumped, named = tmp_path_factory.mktemp("dumped"), tmp_path_factory.mktemp("store")
    sources = [linux / "bin", linux / "syslibs"]
    subprocess.run(
        [
            sys.executable,
            "-m",
            "crashtool",
            "symbols",
            "dump",
            "--quiet",
            "--store",
            dumped,
            *sources,
        ],
        capture_output=True,
        timeout=300,
        check=False,
    )
    files = {path.parent.name: path for path in dumped.rglob("*.sym")}
    for module in (module for case in cases for module in case["modules"]):
        name = PurePosixPath(module["name"]).name
        identifier = BuildId(bytes.fromhex(module["build_id"] or "")).debug_id.breakpad
        if identifier in files:
            target = named / name / identifier / f"{name}.sym"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(files[identifier], target)
    assert len(list(named.rglob("*.sym"))) > 20
    return named


def pack(*folders):
    """An archive of folders, whose files have their paths in it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for folder in folders:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    archive.write(path, f"{folder.name}/{path.relative_to(folder)}")
    return packed.getvalue()


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    """serve(folder…): a receiver to which the files of folders were uploaded."""
    with ExitStack() as stack:

        def make(*folders):
            pages = stack.enter_context(closing(DumpPages()))
            inbox = tmp_path_factory.mktemp("inbox")
            receiver = stack.enter_context(start_receiver(inbox, read_dump=pages))
            reply = requests.post(
                receiver.submission_url("symbols"), data=pack(*folders), timeout=120
            )
            reply.raise_for_status()
            rxid = reply.json()["_rxid"]
            wait_until(lambda: receiver.inbox.get(rxid).headline, seconds=120)
            return receiver

        yield make


def walk(plan, cases, linux, cache):
    """Each frame of each thread of each case, as far as files have a say in it."""
    stacks = {}
    with open_session(plan, str(cache)) as symbols:
        for case in cases:
            wanted = InspectOptions(symbols=symbols, all_threads=True)
            report = read_report(str(linux / case["dump"]), "", wanted)
            stacks[case["id"]] = [
                [
                    (frame.instruction, frame.function, frame.file, frame.line, frame.trust)
                    for frame in thread.frames
                ]
                for thread in report.threads
            ]
    return stacks


def test_crashtool_walks_by_a_server_as_by_the_files(serve, linux, cases, tmp_path):
    receiver = serve(linux / "bin", linux / "syslibs")
    named = [case for case in cases if NAMELESS not in case["id"]]
    paths = SymbolPlan(paths=(str(linux / "bin"), str(linux / "syslibs")), local=False)
    servers = SymbolPlan(servers=(receiver.url,), local=False)
    expected = walk(paths, named, linux, tmp_path / "files")
    found = walk(servers, named, linux, tmp_path / "fetched")
    assert [name for name in expected if expected[name] != found[name]] == []
    assert sum(len(thread) for threads in expected.values() for thread in threads) > 1000


@pytest.fixture
def walker():
    return find_peer(RUST, DEFAULT_FOLDER) or pytest.skip(f"needs {RUST.name} ({RUST.origin})")


@pytest.mark.slow
@pytest.mark.toolchain
def test_rust_minidump_says_by_a_server_what_it_says_by_the_files(
    walker, serve, store, linux, cases, tmp_path
):
    receiver = serve(store)

    def say(case, *options):
        line = [walker, "--json", *map(str, options), str(linux / case["dump"])]
        answer = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    different, named = [], 0
    for case in cases:
        by_files = say(case, "--symbols-path", store)
        by_server = say(
            case,
            "--symbols-url",
            f"{receiver.url}/",
            "--symbols-cache",
            tmp_path / "cache",
            "--symbols-tmp",
            tmp_path,
        )
        if strip_urls(by_files) != strip_urls(by_server):
            different.append(case["id"])
        named += '"function":"' in by_server
    assert different == []
    assert named > 100


def strip_urls(text):
    """Without where symbols came from, which is what differs."""
    document = json.loads(text)
    for module in document["modules"]:
        module.pop("symbol_url", None)
        module.pop("symbol_disk_cache_hit", None)
    return document
