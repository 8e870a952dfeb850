"""A library that is not there: what the answer lacks without it is said once, with the remedy."""

import subprocess
import sys

import pytest

from crashtool.commands.console import Console
from crashtool.errors import MACHINE, USAGE
from crashtool.services.transport import http
from tests.synth.minidump import MinidumpBuilder

RIP = 0x401004


@pytest.fixture
def dump(tmp_path):
    """A crash at `mov eax, [rax]`, the code of which is in the dump."""
    registers = {"rip": RIP, "rsp": 0x7000}
    builder = MinidumpBuilder().add_system().add_misc(5)
    builder.add_thread(7, registers=registers, stack=(0x7000, bytes(64)))
    builder.add_memory(RIP, b"\x8b\x00" + b"\x90" * 30)
    path = tmp_path / "crash.dmp"
    path.write_bytes(builder.set_exception(7, 11, registers=registers).pack())
    return path


def lose(monkeypatch, *modules):
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)


def test_without_capstone_one_warning_says_that_the_instruction_is_not_shown(
    crashtool, dump, monkeypatch
):
    assert "CODE" in crashtool("inspect", dump).stdout
    lose(monkeypatch, "capstone")
    (dump.parent / "other.dmp").write_bytes(dump.read_bytes() + b"\0")

    result = crashtool("inspect", dump, dump.parent / "other.dmp")

    assert result.exit_code == 0
    assert "CODE" not in result.stdout
    warning = "warning: capstone is not installed: the instruction that crashed is not shown"
    assert result.stderr.count(warning) == 1
    assert "[disassembly]" in result.stderr


def test_without_code_capstone_is_not_missed(crashtool, tmp_path, monkeypatch):
    registers = {"rip": RIP, "rsp": 0x7000}
    builder = MinidumpBuilder().add_system().add_thread(7, registers=registers)
    path = tmp_path / "crash.dmp"
    path.write_bytes(builder.set_exception(7, 11, registers=registers).pack())
    lose(monkeypatch, "capstone")

    assert "capstone" not in crashtool("inspect", path).stderr


def test_without_rich_a_page_has_no_colour_and_all_its_words(crashtool, dump, monkeypatch):
    plain = crashtool("inspect", dump).stdout
    lose(monkeypatch, "rich.console", "rich.text")

    result = crashtool("inspect", "--color", "always", dump)

    assert result.exit_code == 0
    assert result.stdout == plain
    assert result.stderr.count("rich is not installed: pages have no colour") == 1


def test_without_rich_a_bar_is_told_in_lines(capsys, monkeypatch):
    lose(monkeypatch, "rich.console", "rich.text")
    console = Console(live=True)
    for _ in range(2):
        with console.progress("symbols", 100) as advance:
            advance(50)

    assert capsys.readouterr().err.count("progress is shown as lines") == 1


def test_without_requests_the_library_is_named_and_not_a_bug(crashtool, dump, monkeypatch):
    lose(monkeypatch, "requests")

    result = crashtool("send-dump", "--url", "https://example.com/u/t/minidump", dump)

    assert result.exit_code == USAGE
    assert "error: requests is not installed: nothing can be sent" in result.stderr
    assert "install requests" in result.stderr


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (
            "raise ModuleNotFoundError(\"No module named 'click'\", name='click')",
            "click is not installed",
        ),
        (
            "raise ImportError('cannot import name x', name='click')",
            "click cannot be loaded (cannot import name x)",
        ),
    ],
    ids=["missing", "broken"],
)
@pytest.mark.parametrize("arguments", [["inspect", "x.dmp"], []], ids=["inspect", "nothing"])
def test_without_click_one_sentence_says_what_to_install(tmp_path, body, what, arguments):
    (tmp_path / "click.py").write_text(body)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from crashtool.cli import main; main()"
    )

    result = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )

    assert result.returncode == USAGE
    said, advice = result.stderr.splitlines()
    assert said == f"crashtool: error: {what}: no command can be read without it"
    assert "install" in advice
    assert "click" in advice


def test_a_python_without_ssl_is_not_told_to_install_it(crashtool, dump, monkeypatch):
    missing = ModuleNotFoundError("No module named '_ssl'", name="_ssl")
    monkeypatch.setattr(http, "_make_session", lambda **_: throw(missing))

    result = crashtool("send-dump", "--url", "https://example.com/u/t/minidump", dump)

    assert result.exit_code == MACHINE
    assert "error: this Python was built without _ssl, which crashtool needs" in result.stderr
    assert sys.executable in result.stderr
    assert "pip" not in result.stderr


def throw(error):
    raise error


def test_a_module_of_our_own_that_is_missing_is_a_bug(crashtool, dump, monkeypatch):
    lose(monkeypatch, "crashtool.services.sending.sender")

    result = crashtool("send-dump", "--url", "https://example.com/u/t/minidump", dump)

    assert isinstance(result.exception, ImportError)
