"""docs/guide.md: each command of it is run where this machine can, and can be parsed elsewhere.

The first words of a fenced block say what it is: `console` is run here, `console receiver` is the
receiver that runs meanwhile, `console` and another word needs what the word says. A language and a
file name make the block that file. Each line of `text output` is in what the block before it says;
`…` in it stands for anything. `# status N` after a command is how it ends, if not with 0.
"""

import re
import shlex
import shutil
from collections import Counter

import click
import pytest

from crashtool.commands.root_command import root
from crashtool.formats.crashpad.handler_options import HANDLER_OPTIONS
from tests.conftest import ROOT
from tests.page_blocks import read_blocks
from tests.services.handler.conftest import sentry_handler  # noqa: F401 (a fixture)
from tests.shell_session import run_commands, serving, wait_for_words

GUIDE = ROOT / "docs" / "guide.md"
HERE, RECEIVER = "", "receiver"
ELSEWHERE = {"crashpad", "windows", "macos", "backtrace"}
STATUS = re.compile(r"\s+# status (\d+)$")
BASE = "http://127.0.0.1:6097"


BLOCKS = read_blocks(GUIDE)


def commands_for(*notes):
    return [
        command
        for block in BLOCKS
        if block.language == "console" and block.note in notes
        for command in block.commands
    ]


# ---- the page itself


def test_each_block_says_what_it_needs():
    notes = Counter(block.note for block in BLOCKS if block.language == "console")
    assert notes.keys() == {HERE, RECEIVER, *ELSEWHERE}
    assert notes[RECEIVER] == 1
    for block in BLOCKS:
        lines = [line for line in block.text.splitlines() if line]
        if block.language == "console":
            prompt = "> " if block.note == "windows" else "$ "
            assert all(line.startswith(prompt) for line in lines), block
        assert block.language in ("console", "text", "cpp", "c", "toml"), block
    run = len(commands_for(HERE, RECEIVER))
    others = Counter({note: len(commands_for(note)) for note in ELSEWHERE})
    print(f"\n{run} commands run here; elsewhere {others.total()}: {dict(others)}")
    assert run > others.total()


def test_what_is_not_run_here_can_be_parsed():
    checked = 0
    for command in commands_for(*ELSEWHERE):
        for words in find_calls(command):
            parse(words)
            checked += 1
    assert checked > 15


def find_calls(command):
    """The words of each call of crashtool in a line of a shell, whichever."""
    for text in re.findall(r"crashtool ([^)]*)", command):
        words = shlex.split(text.replace("\\", "/").replace('"', "'") if "'" not in text else text)
        yield words


def parse(words):
    """A call as click takes it apart; UsageError for what no command knows."""
    command, name = root, "crashtool"
    context = click.Context(command, info_name=name)
    while isinstance(command, click.Group):
        name, words = words[0], words[1:]
        found = command.get_command(context, name)
        assert found is not None, name
        context = click.Context(found, info_name=name, parent=context)
        command = found
    command.make_parser(context).parse_args(args=list(words))


def test_every_command_of_the_table_for_the_night_is_one():
    table = GUIDE.read_text(encoding="utf-8").partition("## 8")[2].partition("They can all")[0]
    calls = re.findall(r"`(crashtool [^`]*)`", table)
    for call in calls:
        for words in find_calls(call):
            parse(words)
    assert len(calls) >= 10


def test_every_option_of_a_handler_is_in_the_page():
    text = GUIDE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (all[^|]*|Sentry's[^|]*) \| (`.*) \|$", text, re.MULTILINE)
    listed = {name: who.strip() for who, names in rows for name in re.findall(r"`([^`]+)`", names)}
    assert listed == {
        option.name: ("Sentry's" if option.kinds else "all")
        + (f", on {option.system}" if option.system else "")
        for option in HANDLER_OPTIONS.values()
    }


def test_links_within_the_page_lead_somewhere():
    text = GUIDE.read_text(encoding="utf-8")
    anchors = {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors


# ---- the commands, in their order


@pytest.fixture
def receiver(tmp_path):
    """The page's own receiver, on a free port; its URL and inbox."""
    pytest.importorskip("starlette")
    (command,) = commands_for(RECEIVER)
    words = shlex.split(command)
    assert words[:2] == ["crashtool", "serve"]
    (tmp_path / "way").mkdir()
    with serving(tmp_path / "way", *words[2:]) as found:
        yield found


def test_the_whole_way_on_this_machine(receiver, sentry_handler, tmp_path):  # noqa: F811
    for program in ("bash", "gcc", "strip"):
        if not shutil.which(program):
            pytest.skip(f"needs {program}")
    base = receiver["inbox"].rstrip("/")
    lines, statuses = [], []
    for block in BLOCKS:
        if block.note and block.language in ("c", "toml"):
            lines.append(f"cat > {shlex.quote(block.note)} <<'END'\n{block.text}END")
            statuses.append(0)
        elif block.language == "console" and block.note == HERE:
            for command in block.commands:
                found = STATUS.search(command)
                lines.append(STATUS.sub("", command).replace(BASE, base))
                statuses.append(int(found[1]) if found else 0)

    ran = run_commands(lines, tmp_path / "way", tmp_path / "logs", HOME=str(tmp_path / "home"))

    for row, status in zip(ran, statuses, strict=True):
        assert row.status == status, f"{row.command}\n{row.stdout}\n{row.stderr}"
        assert "Traceback" not in row.stderr, row
    check_outputs(ran)
    wait_for_words(base, "SIGSEGV", "game!", "1.4.2")


def check_outputs(ran):
    """Each line that the page shows was said by one of the commands of the block before it."""
    said, position, checked = "", 0, 0
    for block in BLOCKS:
        if block.language == "console" and block.note == HERE:
            count = len(block.commands)
            said = "".join(row.stdout + row.stderr for row in ran[position : position + count])
            position += count
        elif block.note and block.language in ("c", "toml"):
            position += 1
        elif (block.language, block.note) == ("text", "output"):
            for line in block.text.splitlines():
                pattern = ".*".join(map(re.escape, line.split("…")))
                assert re.search(f"^{pattern}$", said, re.MULTILINE), (line, said)
                checked += 1
    assert position == len(ran)
    assert checked >= 8
