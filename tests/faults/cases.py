"""The calls whose surroundings fail, and what of their answers is no other in the next call."""

import json
import os
import re
import shutil
import signal
import time
from pathlib import Path

import pytest
import requests

from crashtool.errors import CrashtoolError
from crashtool.formats.identifiers import BuildId
from crashtool.services.handler.crashpad_handler.find import find_handler
from tests.conftest import SHARED
from tests.faults.fork_server import Outcome
from tests.faults.injection import Case
from tests.synth.database import write_settings
from tests.synth.minidump import MinidumpBuilder, full_dump
from tests.synth.object_files import BUILD_ID, build_sym
from tests.synth.symbol_server import SymbolServer

UUID = "01234567-89ab-4def-8000-000000000001"
BASE = 0x400000
SYM_ID = BuildId(BUILD_ID).debug_id.breakpad
SYM = build_sym(SYM_ID, lines=["FILE 0 app.c", "FUNC 1000 20 0 crash_here", "1000 20 42 0"])


def settle_document(result: Outcome, folder: Path) -> object:
    text = re.sub(r'("rxid"|"sent"|"seconds"|"time"): [^,\n]*', r"\1", result.stdout)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", text)
    return result.returncode, text.replace(str(folder), "")


def settle_run(result: Outcome, _: Path) -> object:
    """That the program ran to its end, and that its crash was reported, if it could be."""
    return result.returncode, "SIGSEGV" in result.stderr


def settle_fetch(result: Outcome, folder: Path) -> object:
    stored = [path.read_bytes() for path in sorted(folder.glob("store/**/*.sym"))]
    text = re.sub(r"\d\.\d s|http://[\d.:]+", "", result.stdout)
    return result.returncode, text, stored


def settle_smoke(result: Outcome, _: Path) -> object:
    try:
        document = json.loads(result.stdout)
    except ValueError:
        return result.returncode, result.stdout
    checks = [(row["name"], row["passed"]) for row in document.get("checks", ())]
    return result.returncode, checks, document.get("error")


def settle_serve(result: Outcome, folder: Path) -> object:
    """The reply to the report, and each file of the inbox that came with it."""
    replied = (folder / "reply").read_text() if (folder / "reply").exists() else "none"
    stored = sorted(path.read_bytes() for path in folder.glob("inbox/**/*.dmp"))
    return result.returncode, replied, stored


def post_report(folder: Path):
    """Post one report once the receiver gives its URL; end the receiver if it did not take it."""

    def meanwhile(process: int) -> None:
        url = _await_line(folder / "stdout", process)
        if not url:
            return
        with requests.Session() as session:
            session.trust_env = False
            try:
                reply = session.post(
                    url,
                    data={"prod": "Game"},
                    timeout=20,
                    files={"upload_file_minidump": ("x.dmp", full_dump().pack())},
                ).status_code
            except requests.RequestException as error:
                reply = type(error).__name__
        (folder / "reply").write_text(str(reply))
        if reply != 200 and _is_alive(process):
            os.kill(process, signal.SIGTERM)

    return meanwhile


def _await_line(path: Path, process: int) -> str:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if path.exists() and path.read_bytes().endswith(b"\n"):
            return path.read_text().splitlines()[0]
        if not _is_alive(process):
            return ""
        time.sleep(0.005)
    os.kill(process, signal.SIGTERM)
    return ""


def _is_alive(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def prepare_game(folder: Path) -> None:
    source = SHARED / "findings/inputs/game"
    if not source.exists():
        pytest.skip("needs findings/inputs/game")
    (folder / "inputs").mkdir()
    for name in ("game", "libengine.so", "null.dmp"):
        shutil.copy(source / name, folder / "inputs" / name)


def prepare_archive(folder: Path) -> None:
    prepare_game(folder)
    shutil.make_archive(str(folder / "inputs/symbols"), "zip", folder / "inputs", "libengine.so")
    (folder / "inputs/libengine.so").unlink()


def prepare_database(folder: Path) -> None:
    root = folder / "inputs"
    for name in ("new", "pending", "completed"):
        (root / name).mkdir(parents=True)
    write_settings(root)
    (root / f"pending/{UUID}.dmp").write_bytes(full_dump().pack())
    (root / f"pending/{UUID}.meta").write_bytes(bytes(32))


def prepare_module(folder: Path) -> None:
    """A minidump of one module, and a .sym file of it in `symbols`."""
    registers = {"rip": BASE + 0x1004, "rsp": 0x7000}
    builder = MinidumpBuilder().add_system().add_misc(5)
    builder.add_module("/bin/app", BASE, 0x10000, build_id=BUILD_ID)
    builder.add_thread(7, registers=registers, stack=(0x7000, bytes(64)))
    (folder / "inputs").mkdir()
    dump = builder.set_exception(7, 11, registers=registers).pack()
    (folder / "inputs/null.dmp").write_bytes(dump)
    (folder / "inputs/app.sym").write_bytes(SYM)


def prepare_nothing(folder: Path) -> None:
    (folder / "inputs").mkdir()


def prepare_smoke(folder: Path) -> None:
    try:
        find_handler(None)
    except CrashtoolError as error:
        pytest.skip(f"needs a crashpad_handler: {error.what}")
    prepare_nothing(folder)


def serve_symbols() -> SymbolServer:
    """A server that has the .sym file of `prepare_module`."""
    return SymbolServer({f"app/{SYM_ID}/app.sym": SYM})


OWN = (
    "inputs",
    "pending",
    "completed",
    "null.dmp",
    "game",
    "libengine.so",
    "symbols.zip",
    "settings.dat",
)
LOCAL = ("--no-local-symbols",)
GATE = (
    "upload-symbols",
    "-n",
    "--require-for",
    "inputs/game",
    "--for-dump",
    "inputs/null.dmp",
    "inputs",
)
CASES = [
    Case("inspect", ("inspect", *LOCAL, "--symbols", "inputs", "inputs/null.dmp"),
         prepare_game, OWN),
    Case("inspect-zip", ("inspect", *LOCAL, "--symbols", "inputs/symbols.zip", "inputs/null.dmp"),
         prepare_archive, (*OWN, "temporary/1")),  # its copy of a member of the user's archive
    Case("inspect-html", ("inspect", "--html", "page.html", "inputs/null.dmp"), prepare_game,
         (*OWN, "page.html")),
    Case("annotate", ("annotate", "a=b", "--into", "inputs/null.dmp", "--output", "out.dmp"),
         prepare_game, (*OWN, "out.dmp")),
    Case("check", ("symbols", "check", "inputs"), prepare_game, OWN),
    Case("find", ("symbols", "find", "inputs/null.dmp", "--symbols", "inputs"), prepare_module,
         (*OWN, "app.sym"), (), settle_document),
    Case("fetch", ("symbols", "fetch", "inputs/null.dmp", "--to", "store", "--symbol-server",
                   "breakpad:SYMBOLS", "--retry-for", "0"), prepare_module,
         (*OWN, "store"), ("ur/app.sym",), settle_fetch),
    Case("gate", GATE, prepare_game, OWN),
    Case("run", ("run", "--report", "crash.txt", "--", "sh", "-c", "kill -SEGV $$"),
         prepare_nothing, ("crash.txt",), (), settle_run),
    Case("send", ("send-dump", "--json", "--again", "--url", "URL", "inputs"), prepare_database,
         OWN, (), settle_document),
    Case("list", ("database", "list", "inputs"), prepare_database, OWN, (), settle_document),
    Case("show", ("database", "show", "inputs", UUID), prepare_database, OWN, (), settle_document),
    Case("serve", ("serve", "--port", "0", "--folder", "inbox", "--stop-after", "1"),
         prepare_nothing, ("inbox", "incoming", "reports"), (), settle_serve, post_report),
    Case("smoke", ("smoke", "--json"), prepare_smoke,
         ("database", "received", "incoming", "reports", "completed", "pending"),
         ("temporary", "process"), settle_smoke),
]  # fmt: skip
CASES += [
    case._replace(name=f"{case.name}-stat", stat=True)
    for case in CASES
    if case.name in ("inspect", "check", "gate", "send", "list", "find")
]
