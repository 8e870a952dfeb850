"""The triage command on many small crashes of one program."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.synth.crashes import crash, name_symbols

DRAW = "game::draw | game::load [memory]"
LOAD = "game::load | game::main [memory]"


@pytest.fixture
def folder(tmp_path):
    """Five crashes in draw, three in load of a newer version, and symbols beside them."""
    crashes = tmp_path / "crashes"
    crashes.mkdir()
    for number in range(1, 6):
        dump = crash(number, "draw", "load", "main", when=1_764_000_000 + 86400 * number)
        (crashes / f"draw-{number}.dmp").write_bytes(dump)
    for number in range(11, 14):
        dump = crash(number, "load", "main", version="1.5.0", more=(("gpu", "Radeon"),))
        (crashes / f"load-{number}.dmp").write_bytes(dump)
    (tmp_path / "game.sym").write_bytes(name_symbols())
    return tmp_path


@pytest.fixture
def triage(crashtool, folder):
    """triage("--by", "function") -> Result, with the crashes, their symbols and one job."""

    def call(*arguments, path="crashes", jobs=1):
        return crashtool(
            "triage",
            path,
            "--symbols",
            "game.sym",
            "--no-local-symbols",
            "--jobs",
            jobs,
            *arguments,
        )

    return call


def groups(result):
    return {row["signature"]: row["count"] for row in json.loads(result.stdout)["groups"]}


def test_crashes_are_grouped_counted_and_dated(triage):
    result = triage()
    assert result.exit_code == 0
    assert result.stdout.startswith("8 minidumps: 8 in 2 groups\n")
    first, second = (line for line in result.stdout.splitlines() if "[memory]" in line)
    assert first.split() == ["5", "62.5", "%", *DRAW.split()]
    assert second.split() == ["3", "37.5", "%", *LOAD.split()]
    assert "2025-11-25 to 2025-11-29, version 1.4.2 (5)" in result.stdout
    assert f"example {os.path.join('crashes', 'draw-5.dmp')}" in result.stdout  # noqa: PTH118


def test_json_has_all_and_the_signature_is_that_of_inspect(triage, crashtool):
    result = triage("--json", "--top", 1)
    assert groups(result) == {DRAW: 5, LOAD: 3}
    shown = crashtool(
        "inspect", "--json", "crashes/draw-1.dmp", "--symbols", "game.sym", "--no-local-symbols"
    )
    assert json.loads(shown.stdout)["signature"] == DRAW


def test_without_symbols_places_of_one_build_are_marked(crashtool, folder):
    result = crashtool("triage", "crashes", "--no-local-symbols", "--jobs", 1)
    assert "?" in result.stdout
    assert "SYMBOLS WORTH MOST" in result.stdout
    assert "030201000504070608090A0B0C0D0E0F0" in result.stdout


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_answers_and_rows_are_the_same_for_any_order_and_number_of_jobs(
    triage, crashtool, folder, jobs
):
    expected = triage("--json", "--rows", "rows").stdout, (folder / "rows").read_bytes()
    names = sorted((path.name for path in (folder / "crashes").iterdir()), reverse=True)
    result = crashtool(
        "triage",
        *(str(Path("crashes") / name) for name in names),
        "--symbols",
        "game.sym",
        "--no-local-symbols",
        "--jobs",
        jobs,
        "--json",
        "--rows",
        "others",
    )
    assert (result.stdout, (folder / "others").read_bytes()) == expected


def test_a_report_that_was_sent_twice_counts_once(triage, folder):
    (folder / "crashes" / "again.dmp").write_bytes(crash(1, "draw", "load", "main"))
    assert "9 minidumps: 8 in 2 groups, 1 sent twice" in triage().stdout
    assert groups(triage("--json", "--count-duplicates"))[DRAW] == 6


def test_what_cannot_be_read_is_named_and_counted_and_ends_with_8(triage, folder):
    (folder / "crashes" / "bad.dmp").write_bytes(b"MDMP" + bytes(8))
    result = triage()
    assert result.exit_code == 8
    assert "9 minidumps: 8 in 2 groups, 1 unreadable" in result.stdout
    assert "bad.dmp" in result.stdout


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("empty", "no minidump in empty"),
        ("notes.txt", "notes.txt is text, not a minidump"),
        ("nowhere", "nowhere does not exist"),
        ("no*thing", "nothing matches no*thing"),
    ],
)
def test_without_a_minidump_it_ends_with_3_and_counts_none(triage, folder, name, words):
    (folder / "empty").mkdir()
    (folder / "notes.txt").write_text("to do\n", encoding="ascii")
    alone = triage(path=name)
    assert (alone.exit_code, alone.stdout) == (3, "")
    assert words in alone.stderr
    among = triage("crashes")
    beside = triage("crashes", path=name)
    assert beside.exit_code == 8
    assert beside.stdout.startswith("8 minidumps: 8 in 2 groups, 1 input gave none\n")
    assert words in beside.stdout
    assert among.exit_code == 0
    totals = json.loads(triage("crashes", "--json", path=name).stdout)["totals"]
    assert (totals["inputs"], totals["no_minidump"], totals["unreadable"]) == (9, 1, 0)


def test_where_several_inputs_give_no_minidump_each_is_told(triage, folder):
    (folder / "empty").mkdir()
    result = triage("nowhere", path="empty")
    assert (result.exit_code, result.stdout) == (3, "")
    for words in ("no minidump in empty", "nowhere does not exist", "no minidump to group"):
        assert words in result.stderr


def test_members_of_an_archive_and_paths_from_stdin_are_read(triage, crashtool, folder):
    with ZipFile(folder / "all.zip", "w") as archive:
        for path in (folder / "crashes").iterdir():
            archive.write(path, path.name)
    assert groups(triage("--json", path="all.zip")) == {DRAW: 5, LOAD: 3}
    result = crashtool(
        "triage",
        "-",
        "--symbols",
        "game.sym",
        "--no-local-symbols",
        "--json",
        "--jobs",
        1,
        input="crashes/draw-1.dmp\ncrashes/load-11.dmp\n",
    )
    assert groups(result) == {DRAW: 1, LOAD: 1}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--version", "1.5*"), {LOAD: 3}),
        (("--where", "gpu=Rad*"), {LOAD: 3}),
        (("--since", "2025-11-28"), {DRAW: 2}),
        (("--until", "2025-11-26"), {DRAW: 1, LOAD: 3}),
    ],
)
def test_conditions_choose(triage, arguments, expected):
    result = triage("--json", *arguments)
    assert groups(result) == expected
    totals = json.loads(result.stdout)["totals"]
    assert totals["left_out"] == 8 - sum(expected.values())


def test_further_keys_split_groups_and_are_shown(triage):
    result = triage("--by", "version")
    assert "version 1.5.0" in result.stdout
    assert json.loads(triage("--json", "--by", "function").stdout)["groups"][0]["signature"] == (
        "game::draw [memory]"
    )


def test_rules_change_groups_and_tell_what_they_did_not_do(triage, folder):
    (folder / "rules.toml").write_text(
        '[triage]\nskip = ["game::draw", "nothing::*"]\n[[triage.group]]\nname = "GAME-7"\n'
        'match = ["game::load"]\n',
        encoding="utf-8",
    )
    result = triage("--rules", "rules.toml", "--json")
    assert groups(result) == {"GAME-7": 8}
    assert "line 2 of the rules matched nothing: skip nothing::*" in result.stderr
    assert "more than half" in result.stderr


def test_explain_names_the_rule_of_each_call(crashtool, folder):
    (folder / "rules.toml").write_text('[triage]\nskip = ["game::draw"]\n', encoding="utf-8")
    result = crashtool(
        "triage",
        "--explain",
        "crashes/draw-1.dmp",
        "--symbols",
        "game.sym",
        "--rules",
        "rules.toml",
        "--no-local-symbols",
    )
    assert LOAD in result.stdout
    assert "skip game::draw, line 2" in result.stdout


def test_a_baseline_knows_its_groups_and_a_new_one_fails_the_gate(triage, folder):
    assert triage("--version", "1.4*", "--save-baseline", "known.jsonl").exit_code == 0
    same = triage("--version", "1.4*", "--baseline", "known.jsonl", "--fail-on", "new")
    assert same.exit_code == 0
    assert "nothing new" in same.stdout
    assert "60 %" in same.stdout  # what a baseline of 5 crashes may have missed
    new = triage("--baseline", "known.jsonl", "--fail-on", "new")
    assert new.exit_code == 4
    assert f"new  3  {LOAD}" in new.stdout
    few = triage("--baseline", "known.jsonl", "--fail-on", "new", "--min-count", 4)
    assert few.exit_code == 0


def test_a_baseline_of_other_rules_is_refused(triage, folder):
    triage("--save-baseline", "known.jsonl")
    result = triage("--baseline", "known.jsonl", "--by", "function")
    assert result.exit_code == 2
    assert "--baseline-anyway" in result.stderr
    assert (
        triage("--baseline", "known.jsonl", "--by", "function", "--baseline-anyway").exit_code == 0
    )


def test_versions_are_compared_by_starts(triage, folder):
    for number in range(20, 40):
        dump = crash(number, "load", "main", version="1.5.0")
        (folder / "crashes" / f"load-{number}.dmp").write_bytes(dump)
    arguments = ("--compare", "1.4.2,1.5.0", "--sessions", "1.4.2=1000", "--sessions", "1.5.0=1000")
    result = triage(*arguments, "--fail-on", "regression", "--json")
    assert result.exit_code == 4
    rows = json.loads(result.stdout)["comparison"]["groups"]
    by_name = {row["signature"]: row for row in rows}
    assert by_name[LOAD]["verdict"] == "regression"
    assert by_name[LOAD]["ratio_high"] is None
    assert by_name[DRAW]["verdict"] in ("fixed", "no_evidence")
    assert by_name[DRAW]["rate_before"][0] < 5 / 1000 < by_name[DRAW]["rate_before"][1]
    shown = triage(*arguments)
    assert shown.exit_code == 0
    assert "regression" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--fail-on", "new"), "--baseline FILE"),
        (("--fail-on", "regression"), "--compare"),
        (("--compare", "1.4.2"), "two versions"),
        (("--compare", "1.4.2,9"), "no crash is of version 9"),
        (("--compare", "1.4.2,1.5.0", "--sessions", "1.4.2=3"), "for both versions"),
        (("--sessions", "x"), "VERSION=N"),
        (("--by", "signature,,os"), "empty"),
        (("--where", "x"), "KEY=GLOB"),
    ],
)
def test_what_cannot_be_meant_ends_with_2(triage, arguments, words):
    result = triage(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_what_was_read_is_not_read_again(triage, folder):
    expected = triage("--json", "--work", "work").stdout
    for path in (folder / "crashes").iterdir():
        times = path.stat()
        path.write_bytes(b"MDMP".ljust(times.st_size, b"\0"))  # nobody can read them any more
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert triage("--json", "--work", "work").stdout == expected
    assert triage("--json").exit_code == 3


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL to send")
@pytest.mark.parametrize("after", [1, 4, 7])
def test_a_call_that_was_killed_goes_on_and_gives_the_same(triage, folder, after):
    """Killed once it has kept so many rows, by a look at the file that they are in."""
    expected = triage("--json").stdout
    process = subprocess.Popen(
        [sys.executable, "-m", "crashtool", "triage", "crashes", "--symbols", "game.sym",
         "--no-local-symbols", "--jobs", "2", "--work", "work", "--rows", "rows"],
        cwd=folder, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    while process.poll() is None:
        kept = [path.read_bytes().count(b"\n") for path in folder.glob("work/rows-*.jsonl")]
        if kept and kept[0] >= after:
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    assert triage("--json", "--work", "work").stdout == expected
    assert not (folder / "rows").exists() or (folder / "rows").read_bytes().count(b"\n") == 8


@pytest.mark.parametrize("option", ["--html", "--rows", "--save-baseline"])
def test_nothing_is_written_over_a_minidump(triage, folder, option):
    dump = folder / "crashes" / "draw-3.dmp"
    content = dump.read_bytes()

    result = triage(option, dump)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        f"crashtool: error: {dump} is a minidump, and would be overwritten",
        "  name another file",
    ]
    assert dump.read_bytes() == content


def test_the_page_holds_no_text_of_a_dump_as_markup(triage, folder):
    hostile = crash(99, "main", version="<script>alert(1)</script>", product="<img src=x>")
    (folder / "crashes" / "hostile.dmp").write_bytes(hostile)
    result = triage("--html", "groups.html", "--by", "product,version")
    assert result.exit_code == 0
    page = (folder / "groups.html").read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")
    assert "<script>" not in page
    assert "<img" not in page
    assert DRAW in page
    assert 'class="days"' in page
    assert "<small>1 crash, 11.1 %, &lt;img src=x&gt;, &lt;script&gt;" in page


def test_the_page_opens_the_largest_groups_and_names_the_numbers_of_versions(triage, folder):
    for number in range(20, 26):
        dump = crash(number, "draw", "load", "main", product=f"P{number}")
        (folder / "crashes" / f"more-{number}.dmp").write_bytes(dump)
    triage("--html", "groups.html", "--by", "product", "--compare", "1.4.2,1.5.0")
    page = (folder / "groups.html").read_text(encoding="utf-8")
    heads = re.findall(r'<details id="group-(\d)"( open)?', page)
    assert heads == [(str(n), " open" if n < 5 else "") for n in range(8)]
    assert '<td data-name="1.5.0">3</td>' in page


def test_rows_go_to_stdout_alone(triage):
    result = triage("--rows", "-")
    documents = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(documents) == 8
    assert {row["signature"] for row in documents} == {DRAW, LOAD}
    assert documents[0]["schema_version"] == 1


@pytest.fixture
def summary(folder, monkeypatch):
    """What GitHub makes of it: the text of the job's summary."""
    path = folder / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    return lambda: path.read_text(encoding="utf-8")


def test_ci_annotates_what_is_new_and_sums_up(triage, summary):
    triage("--version", "1.4*", "--save-baseline", "known.jsonl")
    result = triage("--baseline", "known.jsonl", "--ci", "github", "--fail-on", "new")
    assert result.exit_code == 4
    (line,) = (line for line in result.stdout.splitlines() if line.startswith("::"))
    name = LOAD.replace(":", "%3A")
    assert line.startswith(f"::error title=new crash%3A {name}::3 crashes, 2025-11-24, version 1.5")
    assert "%0A  0 game::load%0A  1 game::main%0Aexample: " in line
    assert "| 3 | 37.5 % | <code>game&#58;&#58;load &#124; game" in summary()
    assert "**new**" in summary().split("| 5 |", maxsplit=1)[0]
    assert "1 new to <code>known&#46;jsonl</code>" in summary()


def test_ci_warns_where_nothing_fails_and_of_what_is_unreadable(triage, folder, summary):
    triage("--version", "1.4*", "--save-baseline", "known.jsonl")
    (folder / "crashes" / "bad.dmp").write_bytes(b"MDMP" + bytes(8))
    result = triage("--baseline", "known.jsonl", "--ci", "github", "--rows", "-")
    assert "::" not in "".join(line[:2] for line in result.stdout.splitlines())
    lines = [line for line in result.stderr.splitlines() if line.startswith("::")]
    assert [line.partition("::")[2].partition(" ")[0] for line in lines] == ["warning"] * 2
    assert "1 of 9 minidumps cannot be read" in lines[1]
    assert "bad&#46;dmp" in summary()


def test_ci_tells_regressions_and_at_most_ten_new_groups(triage, folder, summary):
    for number in range(20, 40):
        dump = crash(number, "load", "main", version="1.5.0", product=f"P{number}")
        (folder / "crashes" / f"load-{number}.dmp").write_bytes(dump)
    (folder / "empty").mkdir()
    (folder / "empty" / "one.dmp").write_bytes(crash(1, "check", "main"))
    triage("--save-baseline", "known.jsonl", "--by", "signature,product", path="empty")
    arguments = ("--compare", "1.4.2,1.5.0", "--sessions", "1.4.2=1000", "--sessions", "1.5.0=1000")
    result = triage(*arguments, "--ci", "github", "--fail-on", "regression")
    assert "::error title=more frequent%3A game%3A%3Aload" in result.stdout
    assert "ratio of the rates" in result.stdout
    assert "| regression |" in summary()
    many = triage("--by", "signature,product", "--baseline", "known.jsonl", "--ci", "github")
    assert triage("--by", "signature,product", "--save-baseline", "all.jsonl").exit_code == 0
    assert '"keys": ["P20"], "count": 1' in (folder / "all.jsonl").read_text(encoding="utf-8")
    kinds = [line.split(" ")[0] for line in many.stdout.splitlines() if line.startswith("::")]
    assert kinds == ["::warning"] * 10 + ["::notice"]


def test_ci_obeys_no_command_of_a_dump(triage, folder, summary):
    """A version that holds a command, line ends and markup stays a word."""
    hostile = crash(99, "main", version="\n::error::x,file=y%0A<img src=x>|a**b**")
    (folder / "crashes" / "hostile.dmp").write_bytes(hostile)
    triage("--version", "1.4*", "--save-baseline", "known.jsonl")
    result = triage("--baseline", "known.jsonl", "--ci", "github")
    commands = [line for line in result.stdout.splitlines() if line.lstrip().startswith("::")]
    assert len(commands) == 2
    assert all(line.startswith("::warning title=new crash") for line in commands)
    assert "%250A" in "".join(commands)
    assert "<img" not in summary()
    assert "**b**" not in summary()


@pytest.fixture
def project(folder, monkeypatch):
    """crashtool.toml in the folder of the call: `project(text)`."""
    monkeypatch.chdir(folder)

    def write(text):
        (folder / "crashtool.toml").write_text(text, encoding="utf-8")

    return write


def test_rules_and_baseline_of_the_project_hold_without_an_option(triage, folder, project):
    project('symbols = ["game.sym"]\n[triage]\nskip = ["game::draw"]\nbaseline = "known.jsonl"\n')
    assert groups(triage("--json", "--save-baseline", "known.jsonl")) == {LOAD: 8}
    assert "nothing new" in triage().stdout
    known = folder / "known.jsonl"
    known.write_text(known.read_text(encoding="utf-8").replace("load", "x"), encoding="utf-8")
    assert triage("--fail-on", "new").exit_code == 4
    shown = triage("--show-settings").stdout
    assert f"triage_rules      {folder / 'crashtool.toml'}" in shown
    assert "known.jsonl" in shown


def test_a_file_of_rules_is_named_and_a_flag_beats_it(triage, folder, project):
    project('[triage]\nrules = "triage.toml"\n')
    (folder / "triage.toml").write_text('[triage]\nskip = ["game::draw"]\n', encoding="utf-8")
    (folder / "other.toml").write_text('[triage]\nskip = ["game::load"]\n', encoding="utf-8")
    assert groups(triage("--json")) == {LOAD: 8}
    assert groups(triage("--json", "--rules", "other.toml")) == {
        "game::draw | game::load [memory]": 5,
        "game::main [memory]": 3,
    }


def test_a_baseline_of_the_project_that_is_of_no_use_is_warned_of(triage, folder, project):
    project('[triage]\nbaseline = "known.jsonl"\n')
    result = triage()
    assert result.exit_code == 0
    assert "not compared with a baseline: no such baseline" in result.stderr
    assert "--save-baseline" in result.stderr
    assert triage("--fail-on", "new").exit_code == 2
    assert triage("--baseline", "known.jsonl").exit_code == 2
    triage("--save-baseline", "known.jsonl")
    assert "other rules" in triage("--by", "function").stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[triage]\nrules = "../outside.toml"\n', "outside its folder"),
        ('[triage]\nbaseline = "/etc/passwd"\n', "outside its folder"),
        ('[triage]\nrules = "a.toml"\nskip = ["x"]\n', "rules of its own: skip"),
        ("[triage]\nskipp = []\n", "no rule is called 'skipp'"),
        ("triage = 3\n", "triage is a table"),
        ('triage_rules = "a.toml"\n', "no setting named triage_rules"),
        ("[triage]\nbaseline = 3\n", "wrong type"),
    ],
)
def test_what_a_project_file_may_not_say_of_triage(triage, project, text, words):
    project(text)
    result = triage()
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_minidump_that_gets_lost_is_a_bug_and_not_silent(triage, monkeypatch):
    from crashtool.commands import triaged

    def lose_one(items, _maker, _setup, _jobs, here, *_):
        yield from map(here, list(items)[1:])

    monkeypatch.setattr(triaged, "share_many", lose_one)
    result = triage()
    assert result.exit_code == 1
    assert "1 minidumps were read and gave no row" in str(result.exception)


def test_a_parquet_file_has_a_row_for_each_minidump_for_any_number_of_jobs(triage, folder):
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    assert triage("--parquet", "one.parquet").exit_code == 0
    assert triage("--parquet", "two.parquet", jobs=2).exit_code == 0
    assert (folder / "one.parquet").read_bytes() == (folder / "two.parquet").read_bytes()
    table = parquet.read_table(folder / "one.parquet").to_pylist()
    assert sorted(row["signature"] for row in table) == [DRAW] * 5 + [LOAD] * 3


def test_parquet_without_its_extra_ends_with_2_before_anything_is_read(triage, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = triage("--parquet", "one.parquet")
    assert result.exit_code == 2
    assert "needs the extra 'parquet'" in result.stderr
    assert not list(folder.glob("*parquet*"))
