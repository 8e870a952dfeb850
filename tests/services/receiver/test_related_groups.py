"""Groups of the inbox that are like one another, and its lists as files."""

import csv
import io
import json
import sqlite3

import pytest
import requests

from crashtool.commands.dump_pages import DumpPages
from crashtool.services.receiver.app import start_receiver
from crashtool.services.receiver.inbox import Inbox
from crashtool.services.receiver.received_report import DumpPage
from crashtool.services.receiver.related import MAX_GROUPS, pack_calls
from tests.services.receiver.crashes import send_crash
from tests.synth.crashes import crash, name_symbols

DEEP = tuple(f"game::outer{number}" for number in range(9))
NEAR = {
    "game::draw | game::load [memory]": ("game::draw", "game::load", *DEEP),
    "game::draw | game::load2 [memory]": ("game::draw", "game::load", *DEEP, "game::main"),
}
FAR = {
    "game::quit | game::main [memory]": ("game::quit", "game::main"),
    "game::draw | game::load [abort]": ("game::draw", "game::load", *DEEP),
}
FIRST, SECOND = NEAR
HOSTILE = '=HYPERLINK("http://x")<script>alert(1)</script>\u202e\x1b[31m'


@pytest.fixture
def receiver(tmp_path):
    with start_receiver(tmp_path / "inbox") as running:
        yield running


@pytest.fixture
def filled(receiver):
    """A report of each group, two of the first."""
    for signature, calls in (*NEAR.items(), *FAR.items(), (FIRST, NEAR[FIRST])):
        add(receiver, signature, calls)
    return receiver


def add(receiver, signature, calls, quality="named", fields=None):
    rxid = send_crash(receiver, crash(1, "main"), fields)
    report = receiver.inbox.get(rxid)
    page = DumpPage("SIGSEGV", "text", signature, "", "", pack_calls(calls, quality))
    receiver.inbox.describe(report, page)
    return rxid


def ask(receiver, path, **query):
    reply = requests.get(receiver.url + path, params=query, timeout=30)
    reply.raise_for_status()
    return reply


def test_groups_of_nearly_the_same_calls_and_the_same_class_are_related(filled):
    (found,) = ask(filled, "/api/related", group=FIRST).json()["related"]
    assert (found["name"], found["total"]) == (SECOND, 1)
    assert 0.84 <= found["likeness"] < 1
    (back,) = ask(filled, "/api/related", group=SECOND).json()["related"]
    assert (back["name"], back["total"]) == (FIRST, 2)
    for group in (*FAR, "nothing"):
        assert ask(filled, "/api/related", group=group).json() == {"related": []}


def test_places_of_one_build_are_like_nothing(receiver):
    add(receiver, "game@01020304+0x10 [memory]", NEAR[FIRST], "raw")
    add(receiver, FIRST, NEAR[FIRST])
    assert ask(receiver, "/api/related", group=FIRST).json() == {"related": []}
    assert MAX_GROUPS > 1000


def test_pages_of_a_group_and_of_a_report_lead_to_what_is_like_it(filled):
    link = 'href="/?group=game%3A%3Adraw%20%7C%20game%3A%3Aload2%20%5Bmemory%5D"'
    assert link in ask(filled, "/", group=FIRST).text
    (row, _) = ask(filled, "/api/reports", group=FIRST).json()["reports"]
    assert link in ask(filled, f"/reports/{row['rxid']}").text
    assert "Groups like this one" not in ask(filled, "/", group=next(iter(FAR))).text


def test_calls_come_from_minidumps_and_the_signature_is_that_of_inspect(tmp_path, crashtool):
    (tmp_path / "game.sym").write_bytes(name_symbols())
    with start_receiver(tmp_path / "inbox") as receiver:
        dump = tmp_path / "one.dmp"
        dump.write_bytes(crash(1, "draw", "load", "main"))
        symbols = tmp_path / "symbols"
        symbols.mkdir()
        (symbols / "game.sym").write_bytes(name_symbols())
        pages = DumpPages()
        page = pages(dump, symbols)
        pages.close()
        receiver.inbox.describe(receiver.inbox.get(send_crash(receiver)), page)
        shown = crashtool("inspect", dump, "--json", "--symbols", symbols, "--no-local-symbols")
        assert page.signature == json.loads(shown.stdout)["signature"]
        assert json.loads(page.calls) == ["game::draw", "game::load", "game::main"]
        (report,) = receiver.inbox.reports()
        assert report.calls == page.calls


def test_groups_and_reports_are_saved_whole_and_filtered(filled):
    reply = ask(filled, "/export/groups.csv")
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    assert reply.headers["content-disposition"] == 'attachment; filename="groups.csv"'
    rows = list(csv.DictReader(io.StringIO(reply.content.decode("utf-8-sig"))))
    assert {row["group"]: row["reports"] for row in rows} == {
        FIRST: "2",
        **dict.fromkeys((SECOND, *FAR), "1"),
    }
    reports = ask(filled, "/export/reports.json", group=FIRST, limit=1).json()["reports"]
    assert [row["group"] for row in reports] == [FIRST, FIRST]
    rows = ask(filled, "/export/reports.csv", group=SECOND).text.splitlines()
    assert len(rows) == 2
    groups = ask(filled, "/export/groups.json").json()["groups"]
    assert groups == ask(filled, "/api/groups").json()["groups"]


def test_no_cell_of_a_client_is_a_formula_or_moves_a_terminal(receiver):
    add(receiver, HOSTILE, (), fields={"prod": HOSTILE, "ver": " @x"})
    for name in ("groups", "reports"):
        text = ask(receiver, f"/export/{name}.csv").content.decode("utf-8-sig")
        assert "\x1b" not in text
        assert "\u202e" not in text
        (row,) = csv.DictReader(io.StringIO(text))
        assert row["group"].startswith("'=HYPERLINK")
        assert row["product"].startswith("'=HYPERLINK")
        assert (row.get("version") or row["versions"]) == "' @x"
    assert "<script>" not in ask(receiver, "/", group=HOSTILE).text


@pytest.mark.parametrize("path", ["/export/groups.xls", "/export/users.csv", "/export/groups"])
def test_what_cannot_be_saved_is_not_there(receiver, path):
    assert requests.get(receiver.url + path, timeout=30).status_code == 404


def test_an_inbox_with_a_token_saves_nothing_without_it(tmp_path):
    with start_receiver(tmp_path / "inbox", token="a" * 64) as receiver:
        for path in ("/export/groups.csv", "/api/related?group=x"):
            assert requests.get(receiver.url + path, timeout=30).status_code == 401


def test_an_inbox_of_the_version_before_reads_its_minidumps_again(tmp_path):
    inbox = Inbox(tmp_path).open()
    inbox.close()
    with sqlite3.connect(tmp_path / "inbox.sqlite3") as database:
        database.executescript(
            "ALTER TABLE reports DROP COLUMN calls; PRAGMA user_version = 3;"
            "INSERT INTO reports (rxid, received, format, universe, client, notes, headline)"
            " VALUES ('rx', 1, 'minidump', '', '', '[]', 'old');"
        )
    database.close()
    (tmp_path / "reports" / "rx").mkdir()
    inbox = Inbox(tmp_path).open()
    report = inbox.get("rx")
    assert (report.headline, report.calls) == (None, "")
    inbox.close()
