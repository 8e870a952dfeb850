import pytest

from crashtool.errors import InputUnusable
from crashtool.formats.minidump.file import Minidump
from crashtool.services.analyze import stacks
from crashtool.services.analyze.assemble_report import analyze
from crashtool.services.analyze.inspect_dumps import InspectOptions, read_report
from crashtool.services.analyze.stacks import walk_stacks
from crashtool.services.analyze.variables.wanted import WantedVariables
from crashtool.services.analyze.walked_dump import find_kept_halves, find_machine
from crashtool.services.symbols.session import SymbolPlan, open_session
from crashtool.services.unwind.walker import walk
from tests.synth.minidump import MinidumpBuilder


@pytest.mark.parametrize(
    ("architecture", "platform", "pointer"),
    [
        ("x86_64", "linux", "rbp"),
        ("x86", "windows", "ebp"),
        ("arm64", "macos", "fp"),
        ("arm", "android", "r11"),
        ("arm", "ios", "r7"),
    ],
)
def test_each_machine_is_known(architecture, platform, pointer):
    assert find_machine(architecture, platform).frame_pointer == pointer


def test_windows_preserves_more_registers():
    assert "rsi" in find_machine("x86_64", "windows").callee_saved
    assert "rsi" not in find_machine("x86_64", "linux").callee_saved


def test_of_arm64_the_halves_of_vectors_that_calls_keep_are_known():
    vectors = b"".join(number.to_bytes(8, "little") + b"\xee" * 8 for number in range(32))
    builder = MinidumpBuilder().add_system("linux", "arm64")
    builder.add_thread(7, registers={"pc": 0x1000, "vector_registers": vectors})
    builder.add_thread(8, registers={"pc": 0x1000, "vector_registers": vectors, "flags": 0x400003})
    dump = Minidump(builder.pack())

    assert find_kept_halves(dump, 7, is_crashed=False) == {
        f"v{number}": number for number in range(8, 16)
    }
    assert find_kept_halves(dump, 8, is_crashed=False) == {}  # without floating point


def test_walks_of_arm64_begin_with_them_where_variables_are_wanted(monkeypatch, tmp_path):
    builder = MinidumpBuilder().add_system("linux", "arm64")
    vectors = bytes(16 * 8) + b"\7" + bytes(16 * 24 - 1)
    registers = {"pc": 0x1000, "vector_registers": vectors}
    builder.add_thread(7, registers=registers).set_exception(7, 11, registers=registers)
    dump = Minidump(builder.pack())
    report, started = analyze(dump, "game.dmp"), []

    def note_and_walk(scene, values):
        started.append(values)
        return walk(scene, values)

    monkeypatch.setattr(stacks, "walk", note_and_walk)
    with open_session(SymbolPlan(paths=(str(tmp_path),)), str(tmp_path / "cache")) as symbols:
        walk_stacks(dump, report, symbols, variables=WantedVariables())
        walk_stacks(dump, report, symbols)

    assert [values.get("v8") for values in started] == [7, None]
    assert report.crashed_thread.registers.values.get("v8") is None


def test_other_machines_are_not_walked():
    assert find_machine("mips", "linux") is None


def dumps(corpus):
    return sorted(path for path in corpus.rglob("*.dmp") if path.stat().st_size < 5 << 20)


def walk_all(corpus, symbols):
    for path in dumps(corpus):
        try:
            dump = Minidump.open(path)
        except InputUnusable:
            continue
        with dump:
            yield walk_stacks(dump, analyze(dump, path.name), symbols, all_threads=True)


def test_no_dump_breaks_the_walk(corpus, tmp_path):
    """With symbols, although no dump has any here: the verdicts are asked for."""
    walked = 0
    with open_session(SymbolPlan(paths=(str(tmp_path),)), str(tmp_path / "cache")) as symbols:
        reports = list(walk_all(corpus, symbols))
    for report in reports:
        walked += len(report.threads)
        for thread in report.threads:
            assert len(thread.frames) <= 1024
            if thread.registers:
                assert thread.frames[0].trust == "context"

    assert walked > 300


def test_a_thread_without_registers_asks_for_no_symbols(tmp_path):
    builder = MinidumpBuilder().add_system("linux", "x86_64").add_thread(7)
    builder.add_module("/opt/game/bin/game", 0x400000, 0x2000, build_id=bytes(range(20)))
    builder.set_exception(7, 11)
    dump = Minidump(builder.pack())

    with open_session(SymbolPlan(paths=(str(tmp_path),)), str(tmp_path / "cache")) as symbols:
        report = walk_stacks(dump, analyze(dump, "crash.dmp"), symbols)

    assert report.threads[0].frames == ()
    assert report.symbols == ()


def test_only_the_crashed_thread_is_walked_unless_more_is_asked(truth):
    path = str(truth / "windows" / "dumps" / "msvc-x64.raise.crashpad.dmp")

    one = read_report(path, path, InspectOptions())
    everyone = read_report(path, path, InspectOptions(all_threads=True))

    others = [thread for index, thread in enumerate(one.threads) if index != one.crashing_thread]
    assert all(len(thread.frames) == 1 for thread in others)
    assert all(len(thread.frames) > 1 for thread in everyone.threads)


def test_hostile_symbols_break_nothing(corpus, truth, tmp_path):
    """Each file of the corpus that is or looks like symbols, as the symbols of a dump."""
    dump = str(truth / "linux" / "cases" / "kinds-O2-insignal.dmp")
    with Minidump.open(dump) as opened:
        modules = analyze(opened, dump).modules
    store = tmp_path / "store"
    count = 0
    for path in sorted(corpus.rglob("*")):
        if not path.is_file() or path.suffix == ".dmp" or path.stat().st_size > 4 << 20:
            continue
        module = modules[count % len(modules)]
        place = store / str(count) / module.name / module.debug_id.breakpad
        place.mkdir(parents=True)
        (place / f"{module.name}.sym").symlink_to(path)
        count += 1
    paths = tuple(str(folder) for folder in store.iterdir())

    with open_session(SymbolPlan(paths=paths), str(tmp_path / "cache")) as symbols:
        report = read_report(dump, dump, InspectOptions(symbols=symbols))

    assert count > 200
    assert report.symbols


@pytest.mark.parametrize(("access", "is_shown"), [(0, True), (8, False)])
def test_memory_that_no_code_may_be_in_has_no_instruction(access, is_shown):
    """A null function pointer was called: bytes that a dump has there were never taken for code."""
    registers = {"rip": 0x401000, "rsp": 0x7000, "rbp": 0x7040}
    builder = MinidumpBuilder().add_system("windows", "x86_64")
    builder.add_thread(7, registers=registers, stack=(0x7000, bytes(64)))
    builder.add_memory(0x401000, bytes(32))
    parameters = [access, 0x401000]
    builder.set_exception(7, 0xC0000005, 0x401000, registers=registers, parameters=parameters)
    dump = Minidump(builder.pack())

    crash = walk_stacks(dump, analyze(dump, "crash.dmp"), None).crash

    assert bool(crash.instruction) is is_shown


@pytest.mark.parametrize(
    ("platform", "code", "flags", "shown"),
    [
        ("linux", 11, 1, True),  # SIGSEGV, SEGV_MAPERR
        ("linux", 8, 1, True),  # SIGFPE, FPE_INTDIV
        ("linux", 6, 0, False),  # SIGABRT of a writer that keeps no si_code
        ("linux", 6, 0xFFFFFFFA, False),  # SIGABRT, SI_TKILL: abort()
        ("linux", 11, 0, True),  # SIGSEGV of a writer that keeps no si_code
        ("linux", 11, 0xFFFFFFFA, False),  # SIGSEGV, SI_TKILL: raise()
        ("windows", 0xC0000005, 0, True),
        ("windows", 0xE06D7363, 1, False),  # a C++ exception
    ],
)
def test_the_instruction_after_a_system_call_is_not_shown_as_one_that_crashed(
    platform, code, flags, shown
):
    """Where a signal was sent or an exception raised, no instruction is at fault."""
    registers = {"rip": 0x401000, "rsp": 0x7000, "rbp": 0x7040}
    builder = MinidumpBuilder().add_system(platform, "x86_64")
    builder.add_thread(7, registers=registers, stack=(0x7000, bytes(64)))
    builder.add_memory(0x401000, b"\x89\xc5" + b"\x90" * 30)  # mov ebp, eax
    builder.set_exception(7, code, flags=flags, registers=registers)
    dump = Minidump(builder.pack())

    crash = walk_stacks(dump, analyze(dump, "crash.dmp"), None).crash

    assert crash.instruction.startswith("mov ebp, eax") == shown
    assert bool(crash.instruction) == shown
