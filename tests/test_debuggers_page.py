"""docs/debuggers.md: what it says to type is typed, into real debuggers, on a real crash.

The commands are the page's own. Its `/srv` is a folder of the test, its address that of a receiver
on a free port. A block says what it needs: `console` is run on the dump or with the symbols at
hand, `console receiver` serves meanwhile, `console token` and `console team` need such a receiver.
"""

import html
import json
import re
import shlex
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from crashtool.formats.object_file.identify import read_object_files
from tests.conftest import ROOT
from tests.debug_adapter import adapter_session, need_adapter
from tests.page_blocks import read_blocks
from tests.services.analyze.debuggers import need_lldb
from tests.services.handler.conftest import skip_elsewhere
from tests.shell_session import run_commands, serving
from tests.toolchain import need, need_programs

pytestmark = pytest.mark.toolchain  # debuggers, a compiler

PAGE = ROOT / "docs" / "debuggers.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = read_blocks(PAGE)
BASE = "http://127.0.0.1:6097"
TOKEN = "7e57" * 16
MAGIC_WORD = "sesame-open"
SOURCE = """struct mesh { int faces; };
static int loaded = 3;
const char kind[] = "terrain";

__attribute__((noinline)) int bind_mesh(struct mesh *mesh, int slot)
{
    return mesh->faces + slot + loaded;
}

int main(void) { return bind_mesh(0, ++loaded + 38); }

__attribute__((used, aligned(16384))) static int far_away(void) { return 12345678; }
"""


def commands_of(*notes, having=""):
    return [
        command
        for block in BLOCKS
        if block.language == "console" and block.note in notes
        for command in block.commands
        if having in command
    ]


def type_for(debugger):
    """What the tables say to type for a debugger, each table's after the other's."""
    cells = re.findall(rf"^\| {re.escape(debugger)} \| (.*) \|$", TEXT, re.MULTILINE)
    assert cells, debugger
    return [code for cell in cells for code in re.findall(r"`([^`]+)`", cell)]


def output_line(start):
    """The rest of the one line that the page shows of an output and that begins so."""
    lines = [
        line
        for block in BLOCKS
        if (block.language, block.note) == ("text", "output")
        for line in block.text.splitlines()
        if line.startswith(start)
    ]
    assert len(lines) == 1, lines
    return lines[0]


class Crash(NamedTuple):
    """A folder that is the page's /srv: src/, build/game, alone/game (stripped) and crash.dmp."""

    folder: Path
    logs: Path

    def real(self, text):
        return text.replace("/srv", str(self.folder))

    def run(self, *lines, **variables):
        """Lines of a shell, in the folder, with nothing of this machine's own settings."""
        number = len(list(self.logs.iterdir()))
        logs = self.logs / f"run-{number}"
        clean = {
            "HOME": str(self.logs / "home"),
            "DEBUGINFOD_URLS": "",
            "MAGIC_WORD": MAGIC_WORD,
            "CRASHTOOL_NO_LOCAL_SYMBOLS": "0",
            "DEBUGINFOD_CACHE_PATH": str(self.logs / f"cache-{number}"),
        }
        ran = run_commands([*map(self.real, lines)], self.folder, logs, **{**clean, **variables})
        for row in ran:
            assert "Traceback" not in row.stderr or "lldb" in row.command, row
        return ran

    def must_run(self, *lines, **variables):
        ran = self.run(*lines, **variables)
        for row in ran:
            assert row.status == 0, row
        return "".join(row.stdout + row.stderr for row in ran)

    def write_core(self):
        return self.must_run(commands_of("", having="--core")[0])


@pytest.fixture
def crash(tmp_path):
    """A program's crash, whose dump crashtool wrote; no path of the sources is in the program."""
    skip_elsewhere()
    need_programs("gcc")
    need("bash", "strip")
    made = Crash(tmp_path / "srv", tmp_path / "logs")
    for name in ("srv/src", "srv/build", "srv/alone", "logs/home"):
        (tmp_path / name).mkdir(parents=True)
    (made.folder / "src" / "game.c").write_text(SOURCE, encoding="utf-8")
    made.must_run(
        "gcc -g -O0 -fdebug-prefix-map=/srv=/nowhere -Wl,--build-id -o build/game src/game.c",
        "strip -g -o alone/game build/game",
    )
    made.run("crashtool run --writer own --no-local-symbols --database reports -- build/game")
    (dump,) = (made.folder / "reports").rglob("*.dmp")
    shutil.copy(dump, made.folder / "crash.dmp")
    return made


def typed_into(line, *commands):
    """A debugger's line of a shell, and what is typed in it."""
    return "\n".join([f"{line} <<'END'", *commands, "END"])


def lldb_line(line):
    """The page's line with the lldb that is here."""
    assert line.startswith("lldb ")
    return f"{shlex.quote(need_lldb())} --no-use-colors{line.removeprefix('lldb')}"


def opens(start):
    """The page's command that opens its core file."""
    return output_line(start).removeprefix(start)


# ---- the page itself


def test_each_block_says_what_it_needs():
    notes = [(block.language, block.note) for block in BLOCKS]
    assert set(notes) == {
        ("console", "receiver"),
        ("console", ""),
        ("console", "token"),
        ("console", "team"),
        ("text", "output"),
        ("json", "cppdbg"),
        ("json", "lldb"),
        ("json", "cppvsdbg"),
        ("json", "lldb-dap"),
    }
    assert len(commands_of("")) == 4  # each is run below
    for block in BLOCKS:
        lines = block.text.splitlines()
        assert block.language != "console" or all(line.startswith("$ ") for line in lines)


def test_a_launch_configuration_is_json_of_the_pages_own_files():
    launches = {block.note: json.loads(block.text) for block in BLOCKS if block.language == "json"}
    for kind, launch in launches.items():
        way = "attach" if kind == "lldb-dap" else "launch"
        assert (launch["type"], launch["request"]) == (kind, way)
        assert launch["name"]
    program, core = launches["cppdbg"]["program"], launches["cppdbg"]["coreDumpPath"]
    assert [program, Path(core).name] == shlex.split(opens("wrote crash.core: gdb "))
    assert launches["cppvsdbg"]["symbolOptions"] == {"searchPaths": [BASE]}


# ---- the core file


def test_inspect_says_what_the_page_shows(crash):
    said = crash.write_core().splitlines()
    for block in BLOCKS:
        if (block.language, block.note) == ("text", "output"):
            assert crash.real(block.text).splitlines() == said


def test_gdb_shows_the_crash_and_no_value_that_is_not_saved(crash):
    need("gdb")
    crash.write_core()
    line = opens("wrote crash.core: ")
    said = crash.must_run(typed_into(line, "bt", "print loaded", "print kind", "print slot"))
    assert re.search(r"#0 .* bind_mesh \(mesh=0x0, slot=42\) at src/game\.c:7\n", said)
    assert re.search(r"#1 .* main \(\) at src/game\.c:10\n", said)
    assert '"terrain"' in said  # of a segment that the process could not write
    assert promised("Cannot access memory") in said
    assert not re.search(r"\$\d+ = [34]\n", said)


def promised(words):
    """Words that the page says a debugger answers with."""
    assert f'"{words}"' in " ".join(TEXT.split())
    return words


def test_lldb_shows_the_crash_and_no_value_that_is_not_saved(crash):
    line = lldb_line(opens("or "))
    crash.write_core()
    loaded = find_loaded(crash)
    asked = [
        f"{command} {address}" for command in ("memory read", "x") for address in (loaded, "0x1000")
    ]
    said = crash.must_run(
        typed_into(line, "bt", "frame variable", "target variable loaded", "p loaded", *asked)
    )
    assert re.search(r"frame #0: .*game`bind_mesh\(mesh=0x0+, slot=42\) at game\.c:7", said)
    assert re.search(r"frame #1: .*game`main at game\.c:10", said)
    assert "(int) slot = 42" in said
    assert promised("read memory from")
    assert said.count(f"read memory from {loaded} failed") == 2  # target variable, p
    assert not re.search(r"\(int\) (loaded|\$0) = [34]\n", said)
    assert f"{loaded}: " not in said  # lldb alone takes it from the file: 03 00 00 00
    assert said.count(promised("error reading data from section")) == 2
    assert said.count(promised("core file does not contain")) == 2


def find_loaded(crash):
    """Where the variable was, which only a debugger can tell."""
    need("gdb")
    said = crash.must_run(typed_into(opens("wrote crash.core: "), "print &loaded"))
    return re.search(r"\(int \*\) (0x[0-9a-f]+)", said)[1]


def lldb_version():
    said = subprocess.run([need_lldb(), "--version"], capture_output=True, text=True, check=False)
    return int(re.search(r"version (\d+)", said.stdout)[1])


def test_with_code_needs_no_files_to_disassemble_and_to_read_texts(crash):
    need("gdb", "nm")
    rows = [line.split() for line in crash.must_run("nm --defined-only build/game").splitlines()]
    offsets = {name: int(offset, 16) for offset, _, name in rows}
    said = []
    for command in commands_of("", having="--core")[:2]:
        crash.must_run(command)
        size = (crash.folder / "crash.core").stat().st_size
        loaded = int(find_loaded(crash), 16)
        base = loaded - offsets["loaded"]
        asked = (
            f"x/s {base + offsets['kind']}",
            f"x/4i {base + offsets['far_away']}",
            f"x/wx {loaded}",
        )
        (crash.folder / "build").rename(crash.folder / "elsewhere")
        said.append((size, crash.must_run(typed_into("gdb -core crash.core", *asked))))
        (crash.folder / "elsewhere").rename(crash.folder / "build")
    assert "--with-code" in commands_of("", having="--core")[1]
    (small, without), (large, with_code) = said
    assert large > small
    assert '"terrain"' not in without
    assert not re.search(r"mov +\$0xbc614e,%eax", without)
    assert '"terrain"' in with_code
    assert re.search(r"mov +\$0xbc614e,%eax", with_code)
    assert f"memory at address {loaded:#x}" in with_code  # a variable is no constant


def test_what_is_scrubbed_is_not_in_the_core_file(crash):
    core = crash.folder / "crash.core"
    crash.write_core()
    assert MAGIC_WORD.encode() in core.read_bytes()
    (command,) = commands_of("", having="--scrub")
    assert "scrubbed environment" in crash.must_run(command)
    assert MAGIC_WORD.encode() not in core.read_bytes()
    assert core.stat().st_mode & 0o077 == 0


def test_the_commands_of_launch_configurations_open_the_core_file(crash):
    need("gdb")
    crash.write_core()
    launches = {block.note: json.loads(block.text) for block in BLOCKS if block.language == "json"}
    launch = launches["cppdbg"]
    assert launch["MIMode"] == "gdb"
    said = crash.must_run(
        typed_into(
            "gdb --interpreter=mi",
            f"-file-exec-and-symbols {launch['program']}",
            f"-target-select core {launch['coreDumpPath']}",
            "-stack-list-frames",
            "-gdb-exit",
        ),
    )
    assert re.search(r'stack=\[frame={level="0",[^}]*func="bind_mesh",[^}]*line="7"', said)
    created = launches["lldb"]["targetCreateCommands"]
    said = crash.must_run(typed_into(lldb_line("lldb "), *created, "bt"))
    assert re.search(r"frame #0: .*bind_mesh.* at game\.c:7", said)


def test_the_machine_interface_says_no_value_that_is_not_saved(crash):
    """What the extension C/C++ asks gdb for of a core file, when a person opens what it shows."""
    need("gdb")
    crash.write_core()
    (launch,) = (json.loads(block.text) for block in BLOCKS if block.note == "cppdbg")
    loaded = find_loaded(crash)
    said = crash.must_run(
        typed_into(
            "gdb --interpreter=mi2",
            f"-environment-cd {launch['cwd']}",
            f"1-file-exec-and-symbols {launch['program']}",
            f"2-target-select core {launch['coreDumpPath']}",
            "3-thread-info",
            "4-stack-list-variables --thread 1 --frame 0 --simple-values",
            "5-var-create - * loaded",
            f"6-data-read-memory-bytes {loaded} 4",
            "7-data-evaluate-expression kind",
            "-gdb-exit",
        ),
    )
    answers = dict(re.findall(r"^(\d)(\^.*)$", said, re.MULTILINE))
    assert answers["2"].startswith("^connected")
    assert 'func="bind_mesh"' in answers["3"]
    assert '{name="slot",arg="1",type="int",value="42"}' in answers["4"]
    assert 'value="' not in answers["5"] or 'value=""' in answers["5"]
    assert answers["6"].startswith("^error")
    assert "terrain" in answers["7"]


def test_an_editors_session_with_lldb_shows_the_crash_and_no_value_that_is_not_saved(crash):
    path = need_adapter()
    crash.write_core()
    (launch,) = (json.loads(crash.real(block.text)) for block in BLOCKS if block.note == "lldb-dap")
    loaded = find_loaded(crash)
    with adapter_session(path) as adapter:
        adapter.ask("initialize", adapterID=launch["type"], pathFormat="path")
        attached = adapter.send(launch["request"], **launch)
        adapter.wait_for(event="initialized")
        assert adapter.ask("configurationDone")["success"]
        assert adapter.wait_for(type="response", request_seq=attached)["success"]
        (thread,) = adapter.ask("threads")["body"]["threads"]
        frames = adapter.ask("stackTrace", threadId=thread["id"])["body"]["stackFrames"]
        shown = [(frame["name"], frame["line"]) for frame in frames[:2]]
        scopes = adapter.ask("scopes", frameId=frames[0]["id"])["body"]["scopes"]
        rows = {
            scope["name"]: adapter.ask("variables", variablesReference=scope["variablesReference"])[
                "body"
            ]["variables"]
            for scope in scopes
            if scope["name"] != "Registers"
        }
        asked = adapter.ask(
            "evaluate", expression=f"`x {loaded}", frameId=frames[0]["id"], context="repl"
        )
    assert shown == [("bind_mesh", 7), ("main", 10)]
    assert {"slot": "42", "mesh": "0x0000000000000000"}.items() <= {
        row["name"]: row["value"] for row in rows["Locals"]
    }.items()
    statics = {row["name"]: row["value"] for name in rows if name != "Locals" for row in rows[name]}
    assert statics["loaded"] not in ("3", "4")
    assert "error reading data" in asked["body"]["result"]


# ---- the symbols from one address


@contextmanager
def served(crash, *options, command=None):
    """The page's receiver, as the page says, with the symbols that the page uploads."""
    pytest.importorskip("starlette")
    words = shlex.split(command or commands_of("receiver")[0])
    assert words[:2] == ["crashtool", "serve"]
    with serving(crash.folder, *words[2:], *options) as receiver:
        yield receiver


def upload(crash, receiver):
    said = crash.must_run(commands_of("")[0], SYMBOLS_URL=receiver["symbols_url"])
    assert "build/game" in said
    shutil.rmtree(crash.folder / "build")  # from here on, the receiver alone has them


def base_of(receiver):
    return receiver["inbox"].rstrip("/")


def fetch(url):
    with urlopen(url) as answer:  # noqa: S310 (our own receiver)
        return answer.read()


def ask_gdb(crash, *before):
    """gdb's words on the stripped program, after lines of a shell."""
    need("gdb")
    enabled = type_for("gdb")[1]
    typed = typed_into("gdb", enabled, "file alone/game", "core-file crash.core", "bt", "list")
    said = crash.must_run(*before, typed)
    if "not compiled in" in said:
        pytest.skip("this gdb has no debuginfod")
    return said


IN_GDB = r"#0 .* bind_mesh \(mesh=0x0, slot=42\) at src/game\.c:7\n"


def test_gdb_has_symbols_and_source_from_the_address(crash):
    crash.write_core()
    with served(crash) as receiver:
        upload(crash, receiver)
        said = ask_gdb(crash, type_for("gdb")[0].replace(BASE, base_of(receiver)))
    assert re.search(IN_GDB, said)
    assert "return mesh->faces + slot + loaded;" in said  # the source, which --source gives


def test_the_token_may_be_in_the_path_or_in_a_header(crash):
    crash.write_core()
    (path,) = re.findall(r"With `--token` the address is `(\S+)`", TEXT)
    assert path.startswith(BASE)
    with served(crash, "--token", TOKEN) as receiver:
        upload(crash, receiver)
        base = base_of(receiver)
        address = path.replace(BASE, base).replace("TOKEN", TOKEN)
        in_path = ask_gdb(crash, type_for("gdb")[0].replace(BASE, address))
        without = ask_gdb(crash, type_for("gdb")[0].replace(BASE, base))
        lines = [command.replace(BASE, base) for command in commands_of("token")]
        in_header = ask_gdb(crash, f"TOKEN={TOKEN}", *lines)
    assert re.search(IN_GDB, in_path)
    assert not re.search(IN_GDB, without)
    assert re.search(IN_GDB, in_header)
    assert (crash.logs / "home" / ".debuginfod-token").stat().st_mode & 0o077 == 0


def test_one_address_gives_a_team_what_the_servers_behind_have(crash, tmp_path):
    crash.write_core()
    (command,) = commands_of("team")
    words = shlex.split(command)
    servers = [word for word in words if "://" in word]
    assert [word.partition(":")[0] for word in servers] == ["debuginfod", "symstore"]
    with served(crash) as behind:
        upload(crash, behind)
        for word in servers:
            command = command.replace(word.partition(":")[2], base_of(behind))
        options = ("--folder", str(tmp_path / "team"))
        with served(crash, *options, command=command) as receiver:
            said = ask_gdb(crash, type_for("gdb")[0].replace(BASE, base_of(receiver)))
    assert re.search(IN_GDB, said)


def test_lldb_has_symbols_from_the_address(crash):
    if lldb_version() < 18:
        pytest.skip("needs lldb 18 or later")
    crash.write_core()
    with served(crash) as receiver:
        upload(crash, receiver)
        setting = next(words for words in type_for("lldb 18 or later") if BASE in words)
        typed = (
            setting.replace(BASE, base_of(receiver)),
            "target create alone/game --core crash.core",
            "bt",
        )
        said = crash.must_run(typed_into(lldb_line("lldb "), *typed))
    assert re.search(r"frame #0: .*bind_mesh.* at game\.c:7", said)


def test_lldb_opens_a_minidump_itself(crash):
    (line,) = type_for("lldb")
    said = crash.must_run(typed_into(lldb_line(line), "bt"))
    assert re.search(r"frame #0: .*bind_mesh.* at game\.c:7", said)


def test_crashtool_has_symbols_from_the_address(crash):
    for_linux, for_windows = type_for("crashtool")
    assert "symstore:" in for_windows  # which has no dump here
    with served(crash) as receiver:
        upload(crash, receiver)
        option = for_linux.replace(BASE, base_of(receiver))
        line = f"crashtool inspect --brief --no-local-symbols {option} crash.dmp"
        assert "game!bind_mesh, game.c:7" in crash.must_run(line)


def test_minidump_stackwalk_has_symbols_from_the_address(crash):
    need("minidump-stackwalk")
    (option,) = type_for("minidump-stackwalk")
    with served(crash) as receiver:
        upload(crash, receiver)
        option = option.replace(BASE, base_of(receiver))
        said = crash.must_run(f"minidump-stackwalk {option} crash.dmp")
    assert "game!bind_mesh" in said


def test_the_inbox_has_the_lines_of_the_page(crash):
    debuggers = ("gdb", "lldb 18 or later", "minidump-stackwalk", "crashtool")
    lines = [line for debugger in debuggers for line in type_for(debugger)]
    lines.append(type_for("WinDbg")[0])
    assert len(lines) == 7
    with served(crash) as receiver:
        shown = html.unescape(fetch(base_of(receiver)).decode())
        for line in lines:
            assert line.replace(BASE, base_of(receiver)) in shown


def test_what_windbg_is_told_to_ask_is_answered(crash):
    paths = [words for words in type_for("WinDbg") if "srv*" in words]
    assert len(paths) == 2
    (build,) = read_object_files((crash.folder / "build" / "game").read_bytes())
    key = f"_.debug/elf-buildid-sym-{build.build_id.hex}/_.debug"
    content = (crash.folder / "build" / "game").read_bytes()
    with served(crash) as receiver:
        upload(crash, receiver)
        for path in paths:
            address = re.search(r"srv\*C:\\symbols\*(\S+)", path)[1]
            assert address == BASE
            base = address.replace(BASE, base_of(receiver))
            assert fetch(f"{base}/{key}") == content
            with pytest.raises(HTTPError, match="404"):
                fetch(f"{base}/game.pdb/{'0' * 33}/game.pdb")
