from crashtool.model.symbol_lookup import Candidate, ModuleStatus
from crashtool.render.report import render_report
from tests.render.reports import GAME, VERDICTS, full_report, report


def text(crash_report, **options):
    return render_report(crash_report, **options).text()


def section(shown):
    return shown.partition("\nSYMBOLS")[2].partition("\n\nSTACK")[0].splitlines()


def test_each_module_of_the_stack_has_a_row_and_what_to_do():
    lines = section(text(full_report()))
    assert lines[0].strip() == "1 of 2 modules on the stack can be read in full"
    assert lines[1] == (
        "  ok        game.exe    game.pdb, game.exe  functions, lines, inlines, unwind"
    )
    assert lines[2].split()[:2] == ["mismatch", "engine.dll"]
    assert "engine.pdb is of another build" in lines[2]
    assert lines[3] == "  → give the right one"


def test_verbose_lists_every_place_with_what_came_of_it():
    shown = text(full_report(), verbose=True)
    assert "LOOKED FOR engine.dll" in shown
    assert "it has AAAA, the dump wants BBBB" in shown
    assert "not found" in shown
    assert "LOOKED FOR" not in text(full_report())
    silent = full_report(symbols=(VERDICTS[0]._replace(candidates=()),))
    assert "LOOKED FOR" not in text(silent, verbose=True)


def test_modules_of_other_threads_are_left_out_unless_asked_for():
    other = ModuleStatus(GAME._replace(base=0x9900000, name="other.dll"), "missing")
    crash_report = full_report(symbols=(*VERDICTS, other))
    assert "other.dll" not in text(crash_report)
    assert "other.dll" in text(crash_report, threads=True)
    assert "1 of 3 modules" in text(crash_report, threads=True)


def test_without_symbols_one_line_says_how_to_give_them():
    assert "SYMBOLS  none given: --symbols names a build folder or symbol store" in text(report())
    assert "SYMBOLS" not in text(report(modules=()))
    assert "SYMBOLS" not in text(report(crashing_thread=None))


def many(count, status="missing"):
    return tuple(
        ModuleStatus(GAME._replace(base=n << 24, name=f"m{n}"), status, fix=f"give m{n}")
        for n in range(count)
    )


def test_one_screen_holds_the_most_telling_verdicts():
    good = many(20, "ok")
    bad = tuple(
        verdict._replace(module=verdict.module._replace(base=verdict.module.base + 1))
        for verdict in many(3)
    )
    lines = section(text(report(symbols=good + bad), threads=True))
    assert sum(line.split()[0] == "missing" for line in lines[1:13]) == 3
    assert lines[13].strip() == "and 11 more (--verbose shows all)"
    assert sum("→" in line for line in lines) == 6
    whole = text(report(symbols=good + bad), threads=True, verbose=True)
    assert whole.count("→") == 20


def test_the_same_remedy_is_said_once():
    verdicts = tuple(item._replace(fix="give all of it") for item in many(3))
    assert text(report(symbols=verdicts), threads=True).count("give all of it") == 1


def test_files_of_one_name_are_named_once():
    found = tuple(Candidate(f"{folder}/game.pdb", "found", "pdb") for folder in "ab")
    verdict = ModuleStatus(GAME, "ok", ("functions",), candidates=found)
    assert "  game.pdb  functions" in text(report(symbols=(verdict,)))
