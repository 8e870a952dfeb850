"""The inbox as a person uses it: what counts as a report, filters, deleting, times, refusals."""

import json
import re

import pytest
import requests

from crashtool.services.receiver.app import start_receiver
from crashtool.services.receiver.listing import Query
from tests.services.receiver.conftest import wait_until
from tests.services.receiver.crashes import make_dump, send_crash, send_symbols

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def ask(receiver, path, method="GET", **headers):
    """(status, media type, text) of an answer; redirections are followed."""
    answer = requests.request(method, receiver.url + path, headers=headers, timeout=30)
    return answer.status_code, answer.headers["content-type"].partition(";")[0], answer.text


@pytest.fixture
def receiver(tmp_path):
    with start_receiver(tmp_path / "inbox") as running:
        yield running


def send(receiver, product, version, address=0x1010):
    return send_crash(receiver, make_dump(address=address), {"prod": product, "ver": version})


def test_uploads_of_symbols_are_no_reports_and_have_a_list_of_their_own(receiver):
    send(receiver, "Game", "1")
    send_symbols(receiver)
    page = ask(receiver, "/", **BROWSER)[2]
    listed = json.loads(ask(receiver, "/api/reports")[2])
    uploads = json.loads(ask(receiver, "/api/reports?format=symbols")[2])

    assert '<span id="total">1</span> report' in page
    assert '<a href="/?format=symbols">1 upload of symbols</a>' in page
    assert page.count('class="group"') == 1
    assert (listed["total"], [row["format"] for row in listed["reports"]]) == (1, ["minidump"])
    assert [row["format"] for row in uploads["reports"]] == ["symbols"]
    assert ask(receiver, "/?format=symbols", **BROWSER)[2].count('class="group"') == 1
    assert receiver.inbox.count() == 2


def test_reports_are_chosen_by_product_and_version(receiver):
    for product, version in (("Game", "1.0"), ("Game", "1.1"), ("Editor", "1.0")):
        send(receiver, product, version)
    page = ask(receiver, "/?product=Game", **BROWSER)[2]
    one = json.loads(ask(receiver, "/api/reports?product=Game&version=1.1")[2])
    groups = json.loads(ask(receiver, "/api/groups?product=Editor")[2])["groups"]

    assert "2 of them fit" in page
    assert "<option selected>Game</option>" in page
    assert re.findall(r"<option>(1[.][01])</option>", page) == ["1.1", "1.0"]
    assert [(row["product"], row["version"]) for row in one["reports"]] == [("Game", "1.1")]
    assert [group["count"] for group in groups] == [1]
    assert json.loads(ask(receiver, "/api/reports?product=None")[2])["total"] == 0


def test_hostile_products_are_text_in_the_filter(receiver):
    send(receiver, '"><script>', "1")
    page = ask(receiver, "/?product=%22%3E%3Cscript%3E", **BROWSER)[2]

    assert "<option selected>&#34;&gt;&lt;script&gt;</option>" in page
    assert '"><script>' not in page


def test_times_have_their_zone(receiver):
    rxid = send(receiver, "Game", "1")

    for path in ("/", f"/reports/{rxid}"):
        page = ask(receiver, path, **BROWSER)[2]
        assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC<", page), path
        assert "UTC UTC" not in page


def test_a_report_is_deleted_with_its_files(receiver):
    kept, gone = send(receiver, "Game", "1"), send(receiver, "Game", "2")
    folder = receiver.inbox.folder / "reports"
    status, _, page = ask(receiver, f"/reports/{gone}/delete", "POST", **BROWSER)

    assert (status, '<span id="total">1</span>' in page) == (200, True)
    assert [path.name for path in folder.iterdir()] == [kept]
    assert ask(receiver, f"/api/reports/{gone}")[0] == 404
    assert json.loads(ask(receiver, f"/api/reports/{kept}", "DELETE")[2]) == {"deleted": 1}
    assert ask(receiver, f"/api/reports/{kept}", "DELETE")[0] == 404
    assert (receiver.inbox.count(), list(folder.iterdir())) == (0, [])


def test_a_group_is_deleted_and_no_other(receiver):
    for version in ("1", "2"):
        send(receiver, "Game", version)
    send(receiver, "Editor", "1")
    rows = receiver.inbox.rows(Query())
    group = rows[0].group
    asked = ask(receiver, f"/delete-group?group={group}&product=Game", "POST", **BROWSER)

    assert asked[0] == 200
    assert [row.product for row in receiver.inbox.rows(Query())] == ["Editor"]
    assert ask(receiver, "/delete-group", "POST")[0] == 400
    assert receiver.inbox.count() == 1


def test_deleted_symbols_are_not_used_again(receiver):
    send_symbols(receiver)
    wait_until(lambda: receiver.inbox.count() == 1)
    (row,) = receiver.inbox.rows(Query(format="symbols"))

    assert ask(receiver, f"/api/reports/{row.rxid}", "DELETE")[0] == 200
    assert not (receiver.inbox.folder / "symbols" / row.rxid).exists()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {
            "Sec-Fetch-Site": "cross-site",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
        },
        {"Host": "evil.example"},
    ],
)
def test_pages_of_other_sites_delete_nothing(receiver, headers):
    rxid = send(receiver, "Game", "1")

    for path, method in (
        (f"/reports/{rxid}/delete", "POST"),
        ("/delete-group?group=minidump", "POST"),
        (f"/api/reports/{rxid}", "DELETE"),
    ):
        assert ask(receiver, path, method, **headers)[0] in (403, 421)
    assert receiver.inbox.count() == 1


def test_an_inbox_with_a_token_lets_nobody_delete_without_it(tmp_path):
    token = "ab" * 32
    with start_receiver(tmp_path / "inbox", token=token, host="127.0.0.1") as receiver:
        denied = ask(receiver, "/delete-group?group=x", "POST")
        allowed = ask(receiver, "/delete-group?group=x", "POST", Authorization=f"Bearer {token}")

    assert (denied[0], allowed[0]) == (401, 200)


def test_what_is_not_there_is_a_page_for_browsers_and_json_for_programs(receiver):
    for path in ("/nowhere", "/reports/none", "/reports/none/files/1"):
        status, media, page = ask(receiver, path, **BROWSER)
        assert (status, media) == (404, "text/html"), path
        assert "<h1>There is no such page</h1>" in page
        assert '<a href="/">All reports</a>' in page
        status, _, text = ask(receiver, path, Accept="application/json")
        assert (status, json.loads(text)["error"]["code"]) == (404, 404), path
        assert json.loads(ask(receiver, path)[2])["error"]["code"] == 404
    status, media, page = ask(receiver, "/?limit=0", **BROWSER)
    assert (status, media) == (400, "text/html")
    assert "limit must be a number" in page
