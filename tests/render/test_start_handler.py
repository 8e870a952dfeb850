"""What annotate prints, read back by what it is meant for: g++, sh, cmake, Windows, TOML."""

import json
import subprocess

import pytest

from crashtool.formats.attribute_rules import StartPlan
from crashtool.formats.attributes import Attachment, Attribute
from crashtool.formats.toml import parse_toml
from crashtool.render.literals import PIECE, cpp_string, fits_cmake_list, toml_string
from crashtool.render.start_handler import TEXTS, plan_document
from tests.synth.windows_arguments import split_command_line
from tests.toolchain import need

HARD = {
    "plain": "1.4.2",
    "empty": "",
    "quotes": "say \"hi\" and 'bye'",
    "backslashes": "C:\\dir\\new\\x41\\",
    "escape then hex": "\x01f\x7f0é1\x1b[0m",
    "trigraphs": "what??!??/??=",
    "lines": "one\ntwo\r\nthree\ttab",
    "unicode": "é ü 漢字 😀 \x85\xa0\u202e",
    "percent": "100%s %d",
    "signs": "$HOME ${X} `id` $(id) @X@ ; # ! & | < > * ? ~",
    "long": "0123456789abcdef?" * 300,
}
LISTABLE = {**HARD, "semicolons": "a;b;;c;", "backslashes": "C:\\dir\\new"}
PLAN = StartPlan(
    tuple(Attribute(key, value) for key, value in HARD.items()),
    (Attachment(None, "C:/Spiel/größe 漢 😀\x01\x85.log"), Attachment("log", 'D:\\new\\"x".log')),
)
STUB = """
#include <cstdio>
#include <map>
#include <string>
#include <vector>
#define FILE_PATH_LITERAL(x) {prefix} ## x
namespace base {{
struct FilePath {{
  using Text = std::basic_string<{character}>;
  explicit FilePath(const Text& text) : value(text) {{}}
  Text value;
}};
}}
static void hex(const char* name, const std::string& text) {{
  std::printf("%s ", name);
  for (unsigned char byte : text) std::printf("%02x", byte);
  std::printf("\\n");
}}
template <typename Character>
static std::string wide(const std::basic_string<Character>& text) {{
  std::string bytes;
  for (auto unit : text) bytes += std::to_string(static_cast<unsigned>(unit) & {mask}) + ",";
  return bytes;
}}
int main() {{
{code}
  for (const auto& pair : annotations) {{ hex("key", pair.first); hex("value", pair.second); }}
  for (const auto& argument : arguments) hex("argument", argument);
{rest}
}}
"""
PATHS = '  for (const auto& path : attachments) hex("path", wide(path.value));'
FILES = """  for (const auto& pair : file_attachments) {
    hex("name", pair.first);
    hex("path", pair.second);
  }"""


def run_cpp(tmp_path, code, rest, *, wide=False, standard="c++17"):
    need("g++")
    source = tmp_path / "containers.cc"
    kinds = ("L", "wchar_t", "0xffffffffu") if wide else ("", "char", "0xffu")
    prefix, character, mask = kinds
    text = STUB.format(prefix=prefix, character=character, mask=mask, code=code, rest=rest)
    if not wide:
        text = text.replace("(x)  ## x", "(x) x")
    source.write_text(text, encoding="utf-8")
    program = tmp_path / "containers"
    subprocess.run(
        ["g++", f"-std={standard}", "-Wall", "-Werror", "-Wno-trigraphs", source, "-o", program],
        check=True,
    )
    lines = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    rows = (line.partition(" ") for line in lines.splitlines())
    return [
        (name, bytes.fromhex(value).decode("utf-8", "surrogatepass")) for name, _, value in rows
    ]


def expected_pairs(annotations, names=("key", "value")):
    rows = []
    for key in sorted(annotations, key=str.encode):
        rows += [(names[0], key), (names[1], annotations[key])]
    return rows


@pytest.mark.parametrize("standard", ["c++11", "c++17"])
def test_cpp_gives_back_every_value(tmp_path, standard):
    rows = run_cpp(tmp_path, TEXTS["cpp"](PLAN), PATHS, standard=standard)

    paths = [
        ("path", "".join(f"{byte}," for byte in item.path.encode())) for item in PLAN.attachments
    ]
    assert rows == expected_pairs(HARD) + paths


def test_cpp_paths_are_the_same_where_they_are_wide(tmp_path):
    rows = run_cpp(tmp_path, TEXTS["cpp"](PLAN), PATHS, wide=True)

    paths = [("path", "".join(f"{ord(sign)}," for sign in item.path)) for item in PLAN.attachments]
    assert rows == expected_pairs(HARD) + paths


def test_cpp_for_a_handler_of_2018_spells_attachments_as_arguments(tmp_path):
    code = TEXTS["cpp"](PLAN._replace(kind="backtrace-2018"))
    rows = run_cpp(tmp_path, code, "")

    assert "attachments =" not in code
    assert rows == [
        *expected_pairs(HARD),
        ("argument", f"--attachment=attachment_größe 漢 😀\x01\x85.log={PLAN.attachments[0].path}"),
        ("argument", f"--attachment=attachment_log={PLAN.attachments[1].path}"),
    ]


def test_cpp_backtrace_maps_names_to_paths(tmp_path):
    rows = run_cpp(tmp_path, TEXTS["cpp-backtrace"](PLAN._replace(kind="backtrace-2018")), FILES)

    files = {"größe 漢 😀\x01\x85.log": PLAN.attachments[0].path, "log": PLAN.attachments[1].path}
    assert rows == expected_pairs(HARD) + expected_pairs(files, ("name", "path"))


def test_cpp_without_anything_still_declares_the_containers(tmp_path):
    assert run_cpp(tmp_path, TEXTS["cpp"](StartPlan(())), PATHS) == []


def test_a_long_text_becomes_literals_that_every_compiler_takes():
    assert max(map(len, cpp_string("x" * 100_000).split("\n"))) < PIECE + 10


def test_a_shell_gives_back_every_argument():
    script = f"printf '%s\\0' {TEXTS['shell'](PLAN)}"
    run = subprocess.run(["sh", "-c", script], capture_output=True, check=True)

    assert run.stdout.decode().split("\0")[:-1] == PLAN.arguments


def test_windows_gives_back_every_argument():
    assert split_command_line("handler.exe " + TEXTS["windows"](PLAN))[1:] == PLAN.arguments


def test_arguments_are_one_a_line():
    plan = StartPlan((Attribute("b", "2"), Attribute("a", "1")), (Attachment(None, "/x"),))

    assert TEXTS["arguments"](plan) == "--annotation=a=1\n--annotation=b=2\n--attachment=/x"


CMAKE = """
file(REMOVE "${OUT}")
foreach(index RANGE ${CRASHPAD_ARGUMENT_COUNT})
  if(index LESS CRASHPAD_ARGUMENT_COUNT)
    string(HEX "${CRASHPAD_ARGUMENT_${index}}" shown)
    file(APPEND "${OUT}" "one ${shown}\\n")
  endif()
endforeach()
foreach(argument IN LISTS CRASHPAD_ARGUMENTS)
  string(HEX "${argument}" shown)
  file(APPEND "${OUT}" "listed ${shown}\\n")
endforeach()
"""


def run_cmake(tmp_path, code):
    need("cmake")
    script, out = tmp_path / "script.cmake", tmp_path / "out.txt"
    script.write_text(code + CMAKE, encoding="utf-8", newline="")
    subprocess.run(["cmake", f"-DOUT={out}", "-P", script], check=True, capture_output=True)
    rows = [line.partition(" ") for line in out.read_text().splitlines()]
    values = {"one": [], "listed": []}
    for kind, _, value in rows:
        values[kind].append(bytes.fromhex(value).decode())
    return values


def test_cmake_gives_back_every_argument(tmp_path):
    plan = StartPlan(
        tuple(Attribute(key, value) for key, value in LISTABLE.items() if key != "unicode")
    )
    arguments = plan.arguments
    assert any("[" in argument for argument in arguments)

    assert run_cmake(tmp_path, TEXTS["cmake"](plan)) == {"one": arguments, "listed": []}


def test_cmake_lists_what_a_list_can_hold(tmp_path):
    pairs = {key: value for key, value in LISTABLE.items() if "[" not in value}
    plan = StartPlan(tuple(Attribute(key, value) for key, value in pairs.items()))

    values = run_cmake(tmp_path, TEXTS["cmake"](plan))

    assert values == {"one": plan.arguments, "listed": plan.arguments}


@pytest.mark.parametrize("text", ["", "a[b", "a]b", "a\\", "a\\;b"])
def test_a_cmake_list_cannot_hold(text):
    assert not fits_cmake_list(text)


def test_toml_gives_back_every_value():
    table = parse_toml(TEXTS["toml"](PLAN), "printed")

    assert table["annotations"] == HARD
    assert table["attachments"] == [item.text for item in PLAN.attachments]
    assert "attachments" not in parse_toml(TEXTS["toml"](StartPlan(PLAN.annotations)), "printed")
    assert parse_toml(f"x = {toml_string(chr(0x7F))}", "printed") == {"x": "\x7f"}


def test_the_document_says_what_arrives_under_which_name():
    document = plan_document(PLAN._replace(kind="backtrace-2018"), ())

    assert json.loads(json.dumps(document))["attachments"][1] == {
        "name": "log",
        "path": 'D:\\new\\"x".log',
        "sent_as": "attachment_log",
    }
    assert document["arguments"] == PLAN._replace(kind="backtrace-2018").arguments
