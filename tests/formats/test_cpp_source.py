"""C++ sources: calls, and what only looks like one."""

import pytest

from crashtool.formats.cpp_source import find_calls, find_function, find_literal, parse_source
from tests.growth import grows_linearly

NOT_CODE = [
    "// client.Start(1)\n",
    "// a \\\nclient.Start(1)\n",
    "/* client.Start(1)\n */",
    "/* client.Start(1)",
    '"client.Start(1)"',
    'R"(a" client.Start(1))"',
    'R"x(client.Start(1) )" )x"',
    'R"x(client.Start(1)',
    "#if 0\nclient.Start(1);\n#if A\n#else\n#endif\nclient.Start(2);\n#endif\n",
    "#define GO client.Start(1); \\\n client.Start(2)\n",
]


@pytest.mark.parametrize("text", NOT_CODE)
def test_comments_texts_and_excluded_parts_are_no_calls(text):
    source = parse_source(f"int a;\n{text}")

    assert list(find_calls(source, "Start")) == []


@pytest.mark.parametrize("text", NOT_CODE[:3] + NOT_CODE[4:7] + NOT_CODE[8:])
def test_what_follows_them_is_found_on_its_line(text):
    whole = f"int a;\n{text};\nclient.Start(7);\n"
    source = parse_source(whole)

    (call,) = find_calls(source, "Start")

    assert call.arguments == ("7",)
    assert source.line_at(call.offset) == whole.count("\n")


def test_the_other_branch_of_an_excluded_part_is_code():
    source = parse_source("#if 0\na.Start(1);\n#else\na.Start(2);\n#endif\n")

    assert [call.arguments for call in find_calls(source, "Start")] == [("2",)]


def test_arguments_are_split_at_their_own_commas():
    text = 'x = c->Start(f(1, 2), {3, 4}, "a,b)", /* no */ true, [&](int a, int b) { return a; });'

    (call,) = find_calls(parse_source(text), "Start")

    assert call.before == "x = c->"
    assert call.arguments == (
        "f(1, 2)",
        "{3, 4}",
        '"a,b)"',
        "true",
        "[&](int a, int b) { return a; }",
    )


def test_character_literals_and_digit_separators_are_told_apart():
    text = "char q = '\"'; int n = 1'000; c.Start('(', 2); char z = '\\'';"

    (call,) = find_calls(parse_source(text), "Start")

    assert call.arguments == ("'('", "2")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("int main() { c.Start(); }", "main"),
        ("namespace a { class B { void Go() { if (x) { c.Start(); } } }; }", "Go"),
        ("void A::Go(int n) const { c.Start(); }", "A::Go"),
        ("namespace { bool x = c.Start(); }", None),
        ("struct A { B b = c.Start(); };", None),
        ("auto f = [] { c.Start(); };", ""),
    ],
)
def test_the_function_around_a_call_is_named(text, name):
    source = parse_source(text)
    (call,) = find_calls(source, "Start")

    assert find_function(source, call.offset) == name


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ('base::FilePath(L"handler.exe")', "handler.exe"),
        ('FILE_PATH_LITERAL("a/b")', "a/b"),
        ('dir + "/handler"', None),
        ('dir.Append("handler")', None),
        ('Join("a", "b")', None),
        ("handler", None),
        ('std::string{u8"x"}', "x"),
    ],
)
def test_a_path_is_known_when_it_is_one_text(expression, text):
    assert find_literal(expression) == text


@pytest.mark.parametrize("piece", ['R"(', "/*", "#if 0\n", "c.Start(", "'", '"', "{", "((("])
def test_work_grows_with_a_hostile_source_no_faster_than_it(piece):
    def prepare(count):
        def work():
            source = parse_source(piece * count)
            for call in find_calls(source, "Start"):
                find_function(source, call.offset)

        return work

    assert grows_linearly(prepare, few=1_000)
