import html.parser
import re

import pytest
import requests

from crashtool.services.receiver.app import start_receiver
from crashtool.services.receiver.received_report import DumpPage
from tests.services.receiver.conftest import exchange, wait_until

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=y>\u202e\x00"
LONG = "q=" + "a" * 1001
TOKEN = "0123456789abcdef" * 4


class Reader(html.parser.HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, text):
        super().__init__()
        self.elements = set()
        self.links = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        self.links += [value for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data):
        self.text += data


def get(url):
    return requests.get(url, timeout=20)


@pytest.fixture
def filled(tmp_path):
    shown = DumpPage(HOSTILE, f"page {HOSTILE}")
    with start_receiver(tmp_path, read_dump=lambda _path, _symbols: shown) as receiver:
        requests.post(
            receiver.submission_url() + "?version=<b>&other=" + TOKEN,
            data={HOSTILE: HOSTILE, "prod": HOSTILE, "token": TOKEN, "bytes": b"\xe9\xff"},
            files={
                "upload_file_minidump": ("x.dmp", b"MDMP"),
                "../../etc": ("..\\" + "evil<i>.html", b"<script>alert(1)</script>", "text/html"),
            },
            headers={"User-Agent": "<u>"},
            timeout=20,
        ).raise_for_status()
        wait_until(lambda: receiver.inbox.reports()[0].headline)
        yield receiver


def test_an_empty_inbox_says_where_to_send(receiver):
    page = Reader(get(receiver.url + "/").text)
    assert "Nothing has arrived yet" in page.text
    assert receiver.submission_url() in page.text


def test_the_list_shows_reports_in_groups(receiver):
    for version in ("1", "2"):
        requests.post(
            receiver.submission_url(),
            data={"prod": "Game", "ver": version},
            files={"upload_file_minidump": ("x", b"MDMP")},
            timeout=20,
        )
    requests.post(receiver.submission_url("symbols"), data=b"sym", timeout=20)
    page = Reader(get(receiver.url).text)
    assert "2 reports" in page.text
    assert {"/?group=minidump", "/?format=symbols"} <= set(page.links)
    uploads = Reader(get(receiver.url + "/?format=symbols").text)
    assert f"/reports/{receiver.inbox.reports()[2].rxid}" in uploads.links
    group = Reader(get(receiver.url + "/?group=minidump").text)
    rxids = [report.rxid for report in receiver.inbox.reports()[:2]]
    assert {f"/reports/{rxid}" for rxid in rxids} <= set(group.links)
    assert "2 reports" in group.text


def test_a_long_list_leads_on(receiver):
    for _ in range(3):
        requests.post(receiver.submission_url(), data=b"MDMP", timeout=20)
    rxids = [report.rxid for report in receiver.inbox.reports()]
    first = Reader(get(receiver.url + "/?group=minidump&limit=2").text)
    assert [link[9:] for link in first.links if link.startswith("/reports/")] == rxids[:0:-1]
    (older,) = [link for link in first.links if "before=" in link]
    second = Reader(get(receiver.url + older).text)
    assert [link[9:] for link in second.links if link.startswith("/reports/")] == rxids[:1]
    assert not [link for link in second.links if "before=" in link]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 2),
        ("q=game", 2),
        ("q=GAME+Beta", 1),
        ("q=game+%22", 0),
        ("q=x.dmp", 2),
        ("format=symbols", 1),
        ("q=%25", 0),
        ("q=" + "a" * 1000, 0),
        ("group=minidump", 2),
    ],
)
def test_a_search_finds_what_has_all_words(receiver, query, found):
    for version in ("alpha", "beta"):
        requests.post(
            receiver.submission_url(),
            data={"prod": "Game", "ver": version},
            files={"upload_file_minidump": ("x.dmp", b"MDMP")},
            timeout=20,
        )
    requests.post(receiver.submission_url("symbols"), data=b"sym", timeout=20)
    document = get(f"{receiver.url}/api/reports?{query}").json()
    assert len(document["reports"]) == document["total"] == found
    assert get(f"{receiver.url}/?{query}").status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=x",
        "before=-1",
        "before=1e3",
        "before=9223372036854775808",
        "limit=²",
        LONG,
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/reports", "/api/groups"])
def test_a_query_that_makes_no_sense_is_refused(receiver, path, query):
    reply = get(f"{receiver.url}{path}?{query}")
    assert reply.status_code == 400
    assert "must be" in reply.json()["error"]["message"]


def test_groups_are_counted_with_all_their_versions(tmp_path):
    shown = DumpPage("SIGSEGV in f", "text", "f | g", "complete")
    with start_receiver(tmp_path, read_dump=lambda _path, _symbols: shown) as receiver:
        for version in ("2", "1", "2"):
            requests.post(
                receiver.submission_url(),
                data={"ver": version},
                files={"upload_file_minidump": ("x.dmp", b"MDMP")},
                timeout=20,
            )
        wait_until(lambda: all(report.headline for report in receiver.inbox.reports()))
        (group,) = get(receiver.url + "/api/groups").json()["groups"]
        newest = receiver.inbox.reports()[-1]
    assert (group["group"], group["count"], group["versions"]) == ("f | g", 3, ["1", "2"])
    assert group["newest"]["rxid"] == newest.rxid
    assert group["newest"]["symbols"] == "complete"


def test_no_page_lets_hostile_text_become_markup_or_reach_elsewhere(filled):
    rxid = filled.inbox.reports()[0].rxid
    for path in ("/", f"/reports/{rxid}"):
        reply = get(filled.url + path)
        page = Reader(reply.text)
        assert not {"img", "i", "b", "u"} & page.elements
        assert reply.text.count("<script") == 1  # our own
        assert all(link.startswith(("/", "#")) for link in page.links)
        assert reply.headers["Content-Security-Policy"].startswith("default-src 'none';")
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert "<script>alert(1)</script>" in page.text


def test_a_reports_page_shows_fields_files_and_minidump_but_no_token(filled):
    report = filled.inbox.reports()[0]
    reply = get(f"{filled.url}/reports/{report.rxid}")
    page = Reader(reply.text)
    assert f"page {HOSTILE[:20]}" in page.text
    assert "\\udce9\\udcff" in page.text
    assert "012345…" in page.text
    assert TOKEN not in reply.text
    assert TOKEN not in get(filled.url + "/api/reports").text
    assert report.fields["token"] == TOKEN
    assert {f"/reports/{report.rxid}/files/{file.id}" for file in report.files} <= set(page.links)


def test_a_file_is_downloaded_and_never_opened(filled):
    report = filled.inbox.reports()[0]
    file = next(file for file in report.files if file.content_type == "text/html")
    reply = get(f"{filled.url}/reports/{report.rxid}/files/{file.id}")
    assert reply.content == b"<script>alert(1)</script>"
    assert reply.headers["Content-Type"] == "application/octet-stream"
    assert reply.headers["Content-Disposition"].startswith("attachment; filename=")
    assert ".." not in reply.headers["Content-Disposition"].split("filename=")[1][:4]
    assert "<" not in reply.headers["Content-Disposition"]
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_the_style_sheet_is_served(receiver):
    reply = get(receiver.url + "/inbox.css")
    assert reply.headers["Content-Type"].startswith("text/css")
    assert ".group" in reply.text


def test_the_script_makes_no_markup_of_text(receiver):
    reply = get(receiver.url + "/inbox.js")
    assert reply.headers["Content-Type"].startswith("text/javascript")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", reply.text)


def test_a_program_can_list_the_reports(filled):
    (row,) = get(filled.url + "/api/reports").json()["reports"]
    document = get(filled.url + "/api" + row["url"]).json()
    report = filled.inbox.reports()[0]
    assert (document["rxid"], document["format"]) == (report.rxid, "minidump")
    assert document["fields"][HOSTILE] == HOSTILE
    assert document["fields"]["bytes"] == "\udce9\udcff"
    assert [file["size"] for file in document["files"]] == [4, 25]
    assert get(filled.url + document["files"][0]["url"]).content == b"MDMP"


@pytest.mark.parametrize(
    "path",
    [
        "/reports/nothing",
        "/reports/nothing/files/1",
        "/elsewhere",
        "/api/reports/nothing",
    ],
)
def test_what_is_not_there_is_a_404_that_speaks_of_post(receiver, path):
    reply = get(receiver.url + path)
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, 404)
    assert "POST" in reply.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/u/t/minidump", "/post", "/api/post"])
def test_backtraces_endpoints_cannot_be_read(receiver, path):
    reply = get(receiver.url + path)
    assert (reply.status_code, reply.headers["Allow"]) == (405, "POST")
    assert "POST" in reply.json()["error"]["message"]


def test_other_methods_are_not_allowed(receiver):
    for method in ("delete", "put", "patch"):
        reply = requests.request(method, receiver.url + "/", timeout=20)
        assert reply.status_code == 405
        assert reply.headers["Allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("path", ["/api/reports", "/reports/x", "/api/groups", "/inbox.css"])
def test_nothing_can_be_sent_to_the_inboxs_own_pages(receiver, path):
    reply = requests.post(receiver.url + path, data=b"MDMP", timeout=20)
    assert (reply.status_code, reply.headers["Allow"]) == (405, "GET, HEAD")
    assert receiver.inbox.count() == 0


@pytest.mark.parametrize(
    "path", ["/", "/api/reports", "/api/events", "/api/groups", "/reports/x", "/reports/x/files/1"]
)
def test_another_sites_name_for_this_machine_reads_nothing(receiver, path):
    head = f"GET {path} HTTP/1.1\r\nHost: evil.example:80\r\n\r\n"
    assert exchange(receiver, head.encode())[0] == 421
