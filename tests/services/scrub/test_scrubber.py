import pytest

from crashtool.errors import InputUnusable, UsageError
from crashtool.formats.minidump import linux_streams, streams
from crashtool.formats.minidump.crashpad_info import AnnotationObject, ModuleAnnotations
from crashtool.formats.minidump.file import Minidump
from crashtool.formats.minidump.texts import walk_text_places
from crashtool.services.analyze.secrets import count_secrets
from crashtool.services.scrub.scrubber import scrub_dump
from crashtool.services.scrub.secret_spans import parse_wish
from tests.services.analyze.test_secrets import SECRETS
from tests.synth.minidump import MinidumpBuilder, rsds
from tests.synth.submission import make_crashpad

VARIABLES = ["HOME=/home/ada", "=C:=C:\\work", "PATH=/usr/bin:/bin", "EMPTY=", "N(x86)=1=2"]
WITHOUT_VALUES = ["HOME=xxxxxxxxx", "=C:=xxxxxxx", "PATH=xxxxxxxxxxxxx", "EMPTY=", "N(x86)=xxx"]


@pytest.fixture
def scrub(tmp_path):
    """Scrub a built dump: (the bytes before, after, what was changed)."""

    def run(builder, *wishes):
        source, target = tmp_path / "in.dmp", tmp_path / "out.dmp"
        source.write_bytes(builder.pack())
        changes = scrub_dump(source, target, [parse_wish(wish) for wish in wishes], "in.dmp")
        return source.read_bytes(), target.read_bytes(), changes

    return run


def block_of(variables, encoding, front="before\0"):
    return ("".join(f"{text}\0" for text in (front + "\0".join(variables)).split("\0"))).encode(
        encoding
    )


def changed_bytes(before, after):
    assert len(before) == len(after)
    return sum(one != other for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
@pytest.mark.parametrize("front", ["", "before\0"])
def test_values_of_an_environment_in_memory_are_overwritten(scrub, encoding, front):
    memory = block_of(VARIABLES, encoding, front) + b"\0\0tail of something else"
    before, after, changes = scrub(MinidumpBuilder().add_memory(0x10000, memory), "environment")
    assert block_of(VARIABLES, encoding, front) in before
    assert block_of(WITHOUT_VALUES, encoding, front) in after
    assert [(row.kind, row.places) for row in changes] == [("environment", 4)]
    # of a wide character, one half is 0 before and after
    assert changes[0].size == changed_bytes(before, after) == 32


def test_two_equations_are_no_environment_but_three_are(scrub):
    few, enough = b"\0a=b\0c=d\0\0", b"\0a=b\0c=d\0e=f\0\0"
    assert scrub(MinidumpBuilder().add_memory(0x10000, few), "env")[2] == ()
    assert scrub(MinidumpBuilder().add_memory(0x10000, enough), "env")[2][0].places == 3


def test_the_environment_that_breakpad_copies_is_overwritten_too(scrub):
    builder = MinidumpBuilder().add_linux_text(linux_streams.ENVIRON, "USER=ada\0LANG=C.UTF-8\0")
    _, after, _ = scrub(builder, "environment")
    assert Minidump(after).linux.environ == (("USER", "xxx"), ("LANG", "xxxxxxx"))


def test_values_that_are_no_ascii_go_whole(scrub):
    memory = "\0A=Jürgen\0B=日本\0C=😀\0\0"
    for encoding in ("utf-8", "utf-16-le"):
        builder = MinidumpBuilder().add_memory(0x10000, memory.encode(encoding))
        _, after, _ = scrub(builder, "environment")
        assert "rgen".encode(encoding) not in after
        assert "日".encode(encoding) not in after
        assert "A=xxx".encode(encoding) in after


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_a_letter_of_two_code_units_moves_no_later_value(scrub, encoding):
    memory = block_of(["A=😀😀", "B=secret", "C=", "D=behind"], encoding)
    _, after, changes = scrub(MinidumpBuilder().add_memory(0x10000, memory), "environment")
    assert block_of(["B=xxxxxx", "C=", "D=xxxxxx"], encoding, "") in after
    assert changes[0].places == 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_an_environment_begins_behind_a_name_that_is_none(scrub, encoding):
    longest = ["N" * 255 + "=ada", "1=kept", "A=" + "v" * 32767, "B=ada", "C=ada", "N" * 256 + "=x"]
    memory = block_of(longest, encoding)
    _, after, changes = scrub(MinidumpBuilder().add_memory(0x10000, memory), "environment")
    assert changes[0].places == 3
    assert block_of(["", "1=kept", "A=" + "x" * 32767, "B=xxx", "C=xxx"], encoding, "") in after


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_a_text_longer_than_a_piece_is_one_text(scrub, monkeypatch, encoding):
    monkeypatch.setattr("crashtool.services.scrub.secret_spans.PIECE", 8)
    memory = bytes(8) + "0123 Ada Lovelace, Ada".encode(encoding) + bytes(8)
    builder = MinidumpBuilder().add_memory(0x10000, memory)
    _, after, changes = scrub(builder, "strings=Ada( Lovelace|$)")
    assert "0123 xxxxxxxxxxxx, xxx".encode(encoding) in after
    assert changes[0].places == 2


@pytest.mark.parametrize("pattern", ["(?:ab)++", "(?>ab)", r"\((?:a|b){2}+"])
def test_a_pattern_that_this_python_matches_wrongly_is_refused(monkeypatch, pattern):
    monkeypatch.setattr("crashtool.services.scrub.secret_spans.WRONG_BEFORE", (99, 0, 0))
    with pytest.raises(UsageError, match="matches possessive quantifiers"):
        parse_wish(f"strings={pattern}")
    for right in ("[*+]+x", r"a\++b", "(?:ab)+"):
        parse_wish(f"strings={right}")


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_no_secret_is_left_of_any_kind_in_any_encoding(scrub, tmp_path, kind, encoding):
    secret = SECRETS[kind].encode(encoding)
    memory = bytes(9) + secret + bytes(16) + secret + bytes(8)
    before, after, changes = scrub(MinidumpBuilder().add_memory(0x10000, memory), "secrets")
    assert before.count(secret) == 2
    assert [(row.kind, row.places) for row in changes] == [(kind, 2)]
    (tmp_path / "after").write_bytes(after)
    assert count_secrets(str(tmp_path / "after")) == ()


def test_secrets_across_chunks_are_overwritten_whole(scrub, monkeypatch):
    monkeypatch.setattr("crashtool.services.analyze.secrets.CHUNK", 512)
    secret = SECRETS["GitHub token"].encode()
    memory = b"".join(bytes(500 - len(secret) // 2) + secret for _ in range(4)) + bytes(8)
    _, after, changes = scrub(MinidumpBuilder().add_memory(0x10000, memory), "secrets")
    assert changes[0].places == 4
    assert secret[8:] not in after


def test_of_an_address_the_name_goes_too_and_of_a_variable_the_value_alone(scrub):
    memory = b"\0 mail grace.hopper+navy@mail.acme-corp.com now\0DEPLOY_TOKEN=hunter2hunter2\0"
    _, after, _ = scrub(MinidumpBuilder().add_memory(0x10000, memory), "secrets")
    assert b" mail " + b"x" * 36 + b" now" in after
    assert b"DEPLOY_TOKEN=xxxxxxxxxxxxxx\0" in after


def everywhere(text):
    """A dump with a text in every kind of place."""
    annotations = ModuleAnnotations(
        0, (f"list {text}",), (("simple", text),), (AnnotationObject("object", 1, text.encode()),)
    )
    crashpad = make_crashpad()._replace(annotations=(("process", text),), modules=(annotations,))
    path = f"C:\\{text}\\app.exe"
    return (
        MinidumpBuilder()
        .add_system("windows")
        .add_thread(7, name=text)
        .add_module(path, 0x400000, 4096, codeview=rsds(bytes(range(16)), 1, path.encode() + b"\0"))
        .add_unloaded_module(path, 0x500000, 4096)
        .add_handle(4, "File", text)
        .add_stream(streams.COMMENT_A, text.encode() + b"\0")
        .add_stream(0x12345678, text.encode("utf-16-le"))
        .add_memory(0x10000, bytes(3) + text.encode("utf-16-le") + bytes(7) + text.encode())
        .set_crashpad(crashpad)
    )


def test_a_pattern_reaches_every_text_of_a_dump(scrub):
    before, after, changes = scrub(everywhere("Ada Lovelace"), "strings=Ada\\s+Lovelace")
    for encoding in ("utf-8", "utf-16-le"):
        assert "Lovelace".encode(encoding) in before
        assert "Lovelace".encode(encoding) not in after
    assert changes[0].places == 13
    dump = Minidump(after)
    assert dump.threads[0].name == "x" * 12
    assert dump.crashpad.annotations == (("process", "x" * 12),)
    assert dump.crashpad.modules[0].objects[0].text == "x" * 12
    assert dump.handles[0].object_name == "x" * 12


def test_names_of_module_files_stay_for_symbols_are_found_by_them(scrub):
    _, after, _ = scrub(everywhere("app"), "strings=app|exe")
    dump = Minidump(after)
    assert dump.modules[0].name == "C:\\xxx\\app.exe"
    assert dump.modules[0].debug_file == "C:\\xxx\\app.exe"
    assert dump.unloaded_modules[0].name == "C:\\xxx\\app.exe"


def test_a_pattern_matches_letters_of_other_scripts(scrub):
    memory = bytes(4) + "Grüße an Jürgen".encode() + bytes(5) + "Jürgen".encode("utf-16-le")
    _, after, changes = scrub(MinidumpBuilder().add_memory(0x10000, memory), "strings=J.rgen")
    assert "Grüße an ".encode() + b"x" * 7 + bytes(5) + b"x\0" * 6 in after
    assert changes[0].size == 7 + 6  # of UTF-16 the second bytes were zero before


def test_an_address_on_a_stack_stays_even_when_it_spells_a_word(scrub):
    """0x64636261 is "abcd", and here it is a return address, too."""
    registers = {"eip": 0x64636200, "esp": 0x20000, "ebp": 0x20000}
    stack = b"abcd" + bytes(4) + b"efgh ijkl mnop qrst" + bytes(5) + b"wxyz" + bytes(4)
    builder = (
        MinidumpBuilder()
        .add_system("linux", "x86")
        .add_module("/app", 0x64600000, 0x100000)
        .add_thread(7, registers=registers, stack=(0x20000, stack))
        .add_memory(0x90000, b"abcd")
    )
    _, after, changes = scrub(builder, "strings=[a-z ]+")
    assert b"abcd" + bytes(4) + b"x" * 19 + bytes(5) + b"xxxx" + bytes(4) in after
    assert changes[0].kept == 1
    dump = Minidump(after)
    assert dump.memory.read(0x20000, 4) == b"abcd"
    assert dump.memory.read(0x90000, 4) == b"xxxx"


def test_a_word_across_the_edge_of_a_finding_stays_whole(scrub):
    registers = {"rip": 0x555555555000, "rsp": 0x20000, "rbp": 0x20000}
    pointer = 0x555555555541.to_bytes(8, "little")  # "AUUUUU"
    builder = (
        MinidumpBuilder()
        .add_system()
        .add_module("/app", 0x555555554000, 0x10000)
        .add_thread(7, registers=registers, stack=(0x20000, bytes(8) + pointer + bytes(16)))
    )
    before, after, changes = scrub(builder, "strings=AU+")
    assert before == after
    assert (changes[0].places, changes[0].kept) == (0, 1)


def test_a_second_time_there_is_nothing_left_to_do(scrub, tmp_path):
    wishes = [parse_wish(text) for text in ("environment", "secrets", "strings=Love[a-z]+")]
    first, second = tmp_path / "1.dmp", tmp_path / "2.dmp"
    source = tmp_path / "0.dmp"
    memory = block_of([*VARIABLES, "A=" + SECRETS["GitHub token"]], "utf-8")
    source.write_bytes(everywhere("Ada Lovelace").add_memory(0x80000, memory).pack())
    assert len(scrub_dump(source, first, wishes, "0")) == 2
    assert scrub_dump(first, second, wishes, "1") == ()
    assert first.read_bytes() == second.read_bytes()


def test_a_dump_whose_tables_are_called_text_is_refused(scrub, tmp_path):
    builder = everywhere("Ada Lovelace").add_stream(0x12345679, b"")
    raw = bytearray(builder.pack())
    dump = Minidump(bytes(raw))
    module_list = dump.find_place(streams.MODULE_LIST)
    raw[module_list.rva + 4 : module_list.rva + 12] = b"abcdefg\0"  # the first module's base
    entry = next(i for i, row in enumerate(dump.directory) if row.stream_type == 0x12345679)
    place = dump.header.directory_rva + 12 * entry
    raw[place + 4 : place + 12] = module_list.size.to_bytes(4, "little") + module_list.rva.to_bytes(
        4, "little"
    )
    source, target = tmp_path / "in.dmp", tmp_path / "out.dmp"
    source.write_bytes(raw)
    with pytest.raises(InputUnusable, match=r"shown\.dmp cannot be scrubbed"):
        scrub_dump(source, target, [parse_wish("strings=[a-g]{7}")], "shown.dmp")
    assert not target.exists()


def test_memory_that_is_in_the_file_twice_is_overwritten_twice(scrub):
    memory = block_of(VARIABLES, "utf-8")
    builder = MinidumpBuilder().add_memory(0x10000, memory).add_memory64(0x10000, memory)
    _, after, changes = scrub(builder, "environment")
    assert changes[0].places == 8
    assert b"/home/ada" not in after


def test_streams_of_numbers_are_no_text(scrub):
    builder = MinidumpBuilder().add_stream(19, b"Ada Lovelace").add_stream(0, b"Ada Lovelace")
    places = list(walk_text_places(Minidump(builder.pack())))
    assert places == []


@pytest.mark.parametrize("text", ["", "heap", "strings", "strings=(", "strings=a*", "env=x"])
def test_what_cannot_be_scrubbed_is_said(text):
    with pytest.raises(UsageError, match=r"scrubbed|regular expression|empty text"):
        parse_wish(text)


def test_real_stacks_with_symbols_are_the_same_afterwards(truth, tmp_path):
    from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report
    from crashtool.services.symbols.session import SymbolPlan, open_session

    wishes = [parse_wish(text) for text in ("environment", "secrets", "strings=[A-Za-z/]{4,}")]
    for path in sorted((truth / "windows" / "dumps").glob("*.crashpad.dmp"))[::4]:
        target = tmp_path / path.name
        scrub_dump(path, target, wishes, path.name)
        folder = truth / "windows" / "bin" / path.name.split(".")[0]
        stacks = []
        for file in (path, target):
            with open_session(SymbolPlan((str(folder),)), str(tmp_path)) as symbols:
                report = read_report(
                    str(file), "", InspectOptions(symbols=symbols, all_threads=True)
                )
            stacks.append(
                [
                    (frame.instruction, frame.trust, frame.function, frame.line)
                    for thread in report.threads
                    for frame in thread.frames
                ]
            )
        assert stacks[0] == stacks[1]
