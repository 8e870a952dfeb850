"""Files as editors and shells of Windows save them, wherever a command takes one."""

import json

import pytest

from tests.commands.transcript_inputs import game_symbols

TOKEN = "0123456789abcdef" * 4
URL = f"https://submit.backtrace.io/acme/{TOKEN}"
WAYS = {
    "utf-8 with a mark": ("utf-8-sig", "\n"),
    "utf-16 with a mark": ("utf-16", "\r\n"),
    "utf-16-le": ("utf-16-le", "\r\n"),
    "utf-16-be": ("utf-16-be", "\n"),
    "windows line ends": ("utf-8", "\r\n"),
}


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def save(request, tmp_path):
    encoding, newline = request.param

    def save(name, text):
        (tmp_path / name).write_bytes(text.replace("\n", newline).encode(encoding))
        return tmp_path / name

    return save


@pytest.mark.parametrize("words", [["make-url", "--universe", "acme"]])
def test_a_token_file(words, save, crashtool):
    result = crashtool(*words, "--token-file", save("token.txt", f"{TOKEN}\n"))

    assert (result.exit_code, result.stdout) == (0, f"{URL}/minidump\n")


def test_a_project_file(save, crashtool):
    save("crashtool.toml", "[annotations]\nprod = 'Größe'\nver = '1'\n")

    result = crashtool("annotate", "a=b")
    assert result.stdout.splitlines() == [
        "--annotation=a=b",
        "--annotation=prod=Größe",
        "--annotation=ver=1",
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.env", "# the build\nprod=Größe\nver='1'\n"),
        ("a.toml", "prod = 'Größe'\nver = '1'\n"),
        ("a.json", '{"prod": "Größe",\n"ver": "1"}\n'),
    ],
)
def test_annotation_files(name, text, save, crashtool):
    result = crashtool("annotate", "--from", save(name, text))

    assert result.stdout == "--annotation=prod=Größe\n--annotation=ver=1\n"


def test_a_receipt(save, crashtool, tmp_path):
    (tmp_path / "game.sym").write_bytes(game_symbols())
    made = crashtool("upload-symbols", "game.sym", "--output", "a.zip", "--receipt", "r.json")
    assert made.exit_code == 0
    receipt = save("again.json", (tmp_path / "r.json").read_text(encoding="ascii"))

    assert crashtool("upload-symbols", "game.sym", "--verify-receipt", receipt).exit_code == 0


@pytest.mark.parametrize("place", ["game.sym", "game/0403020106050807090A0B0C0D0E0F100/game.sym"])
def test_symbol_files(place, save, crashtool, tmp_path):
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    save(place, game_symbols().decode())

    checked = json.loads(crashtool("symbols", "check", place, "--json").stdout)
    row = checked["files"][0]["objects"][0]
    assert row["debug_id"] == "0403020106050807090A0B0C0D0E0F100"
    assert row["grade"] == "full"
    found = crashtool("symbols", "find", row["debug_id"], "--symbols", tmp_path)
    assert (found.exit_code, "found  sym" in found.stdout) == (0, True)


def test_what_is_no_text_is_said_with_its_line(crashtool, tmp_path):
    (tmp_path / "a.env").write_bytes("prod=a\nver=Größe\n".encode("cp1252"))

    result = crashtool("annotate", "--from", "a.env")
    assert (result.exit_code, result.stderr.splitlines()) == (
        3,
        [
            "crashtool: error: cannot read a.env, line 2: not UTF-8 (byte 0xf6)",
            "  save the file as UTF-8",
        ],
    )
