"""Names of files, archive members and modules that would be commands to whoever reads the log."""

import zipfile

import pytest

from tests.commands.transcript_inputs import game_symbols, make_inputs
from tests.synth.database import windows_report, write_windows_database
from tests.synth.minidump import MinidumpBuilder, rsds
from tests.synth.scripted_server import ScriptedServer, answer

HOSTILE = "x\n::add-mask::pwn\r::error file=a.js,line=1::forged\u2028::error::u\x85::error::c\u202e"
VISIBLE = (
    r"x\n::add-mask::pwn\r::error file=a.js,line=1::forged\u2028::error::u\x85::error::c\u202e"
)
COMMANDS = (
    "inspect {}",
    "inspect --modules --threads {}",
    "inspect --brief {}",
    "inspect --color always {}",
    "inspect --ci github {}",
    "inspect {} absent.dmp",
    "send-dump --dry-run {}",
    "send-dump --dry-run --attachment {} game.dmp",
    "database list {}",
    "database show {} 0",
    "database settings {}",
    "symbols check {}",
    "symbols check --ci github {}",
    "symbols dump {}",
    "symbols dump --store store {}",
    "symbols find {} --symbols {}",
    "upload-symbols --dry-run {}",
    "upload-symbols --dry-run --ci github --require-for {} {}",
    "upload-symbols --output o.zip {}",
    "scaffold cmake --output {}",
    "annotate --attach {}",
    "annotate --from {}.env",
    "make-url --token-file {}",
    "make-url {}",
    "serve --certificate {}",
    "run -- {}",
    "inspect --{} a",
    "{}",
)


@pytest.fixture
def inputs(tmp_path):
    """Everything that a hostile name can be of: a folder with files, an archive, a dump."""
    make_inputs(tmp_path)
    folder = tmp_path / HOSTILE
    folder.mkdir()
    (folder / f"{HOSTILE}.sym").write_bytes(game_symbols()[:-40])
    (folder / f"{HOSTILE}.dmp").write_bytes(b"MDMP")
    write_windows_database(folder / "db", [windows_report(1)])
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr(HOSTILE, game_symbols()[:60])
        archive.writestr(f"b{HOSTILE}", b"\x7fELF" + bytes(60))
    dump = MinidumpBuilder().add_system("linux", "x86_64")
    dump.add_module(f"/{HOSTILE}", 0x1000, 0x1000, codeview=rsds(bytes(16), name=HOSTILE.encode()))
    dump.add_thread(7, name=HOSTILE, registers={"rip": 0x1010}, stack=(0x9000, bytes(64)))
    (folder / "module.dmp").write_bytes(dump.pack())
    return folder


def injected(text):
    """The lines that GitHub's runner would obey, but for our own annotations."""
    own = ("::error title=", "::warning title=", "::notice title=", "::error file=game")
    lines = [line.lstrip() for line in text.splitlines()]
    return [line for line in lines if line.startswith("::") and not line.startswith(own)]


@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize("part", ["", "/a.zip", "/module.dmp", "/db", f"/{HOSTILE}.dmp", "/none"])
def test_a_hostile_name_stays_in_its_line(words, part, inputs, crashtool):
    result = crashtool(*(word.replace("{}", inputs.name + part) for word in words.split(" ")))

    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert injected(result.stdout) == []
    assert injected(result.stderr) == []
    for character in "\r\u2028\x85\u202e":
        assert character not in result.output


def test_what_a_name_holds_is_still_to_be_read(inputs, crashtool):
    said = crashtool("symbols", "check", f"{inputs.name}/a.zip").stderr

    assert VISIBLE in said


def test_a_servers_answer_stays_in_its_line(inputs, crashtool):
    server = ScriptedServer([answer(400, HOSTILE.encode())])
    try:
        url = f"{server.url}/acme/{'ab' * 32}/minidump"
        result = crashtool("send-dump", "--retry-for", "0", "--url", url, "game.dmp")
    finally:
        server.close()

    assert result.exit_code == 6
    assert "::add-mask::pwn" in result.stderr
    assert injected(result.output) == []
