"""The inbox in a real browser."""

import shutil
from contextlib import closing

import pytest

from crashtool.commands.dump_pages import DumpPages
from crashtool.render.html_style import STYLE
from crashtool.services.receiver.app import start_receiver
from crashtool.services.receiver.received_report import DumpPage
from crashtool.services.receiver.related import pack_calls
from tests.services.receiver.conftest import wait_until
from tests.services.receiver.crashes import make_dump, send_crash, send_symbols

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium"),
    pytest.mark.xdist_group("browser"),
    pytest.mark.toolchain,
]
SCRIPT = "<script>window.ran=1</script><img src=x onerror='window.ran=2'>\"'>\u202e\x1b[31m"
NARROW, WIDE = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def receiver(tmp_path):
    with (
        closing(DumpPages()) as pages,
        start_receiver(tmp_path / "inbox", read_dump=pages, style=STYLE) as running,
    ):
        yield running


@pytest.fixture(params=[NARROW, WIDE], ids=["phone", "desktop"])
def page(browser, receiver, request):
    """A page of the inbox; nothing may go wrong in it, and nothing may come from elsewhere."""
    context = browser.new_context(viewport=request.param, accept_downloads=True)
    opened = context.new_page()
    wrongs, asked = [], []
    opened.on("pageerror", lambda error: wrongs.append(str(error)))
    opened.on("console", lambda line: wrongs.append(line.text) if line.type == "error" else None)
    opened.on("request", lambda sent: asked.append(sent.url))
    opened.goto(receiver.url)
    yield opened
    opened.wait_for_load_state("load")  # the page may just be renewing itself
    width = opened.evaluate("document.documentElement.scrollWidth")
    ran = opened.evaluate("window.ran")
    context.close()
    expected = ("favicon", "ERR_INTERNET_DISCONNECTED")
    assert not [text for text in wrongs if not any(word in text for word in expected)]
    assert all(url.startswith(receiver.url) for url in asked)
    assert ran is None
    assert width <= request.param["width"]


def wait_until_live(page):
    page.locator("#live[data-state=open]").wait_for()


def test_a_crash_appears_opens_and_gives_its_attachment(page, receiver, tmp_path):
    page.get_by_text("Nothing has arrived yet").wait_for()
    wait_until_live(page)
    send_symbols(receiver)
    rxid = send_crash(receiver, files={"game.log": ("game.log", b"the last line", "text/plain")})
    page.locator("li.group", has_text="Player::jump").wait_for()
    page.locator("a.row", has_text="Player::jump").click()
    page.wait_for_url(f"**/reports/{rxid}")
    assert page.locator("ol.stack li").first.inner_text().count("Player::jump")
    assert page.get_by_text("player.cpp:42").count()
    with page.expect_download() as download:
        page.locator("ul.files a", has_text="game.log").click()
    download.value.save_as(tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == b"the last line"


def test_an_open_report_is_renewed_when_its_symbols_come(page, receiver):
    rxid = send_crash(receiver)
    wait_until(lambda: receiver.inbox.get(rxid).headline)
    page.goto(f"{receiver.url}/reports/{rxid}")
    wait_until_live(page)
    send_symbols(receiver)
    page.get_by_text("player.cpp:42").first.wait_for()
    assert receiver.inbox.get(rxid).symbols == "complete"


def test_scripts_in_a_dump_are_text(page, receiver):
    """In annotations, module, thread, product and file names, comments, function names."""
    dump = make_dump(f"/srv/{SCRIPT}", SCRIPT, stream=SCRIPT.encode() + b"\0")
    send_symbols(receiver)
    for content in (dump, make_dump()):
        rxid = send_crash(
            receiver,
            content,
            {SCRIPT: SCRIPT, "prod": SCRIPT, "ver": SCRIPT},
            {SCRIPT: (SCRIPT, b"x", "text/html")},
        )
        wait_until(lambda rxid=rxid: receiver.inbox.get(rxid).headline)
    page.locator("li.group").first.wait_for()
    assert page.locator("li.group", has_text="<script>").count()
    for path in (f"/reports/{report.rxid}" for report in receiver.inbox.reports()):
        page.goto(receiver.url + path)
        assert page.evaluate("window.ran") is None
        assert page.evaluate("document.scripts.length") == 1
    assert page.get_by_text("<script>window.ran=1</script>").count()


def test_everything_can_be_done_with_keys(page, receiver):
    for function, version in (("First::crash", "1"), ("Second::crash", "2")):
        send_crash(receiver, make_dump(address=0x1010 * int(version)), {"prod": function})
    wait_until(lambda: all(report.headline for report in receiver.inbox.reports()))
    page.locator("li.group").nth(1).wait_for()
    wait_until_live(page)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    first = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.textContent") != first
    page.keyboard.press("Enter")
    page.wait_for_url("**/reports/*")
    wait_until_live(page)
    page.keyboard.press("i")
    page.wait_for_url(receiver.url + "/")
    wait_until_live(page)
    page.keyboard.press("/")
    page.keyboard.type("second::crash")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=*")
    assert page.locator("li.group").count() == 1


def test_the_list_comes_back_after_the_receiver_was_away(page, tmp_path, receiver):
    wait_until_live(page)
    page.context.set_offline(True)
    send_crash(receiver)
    page.context.set_offline(False)
    page.locator("li.group").first.wait_for()
    assert page.locator("li.group").count() == 1


def test_a_report_is_deleted_and_the_list_filtered_by_hand(page, receiver):
    for version in ("1", "2"):
        rxid = send_crash(
            receiver, make_dump(address=0x1010 * int(version)), {"prod": "Game", "ver": version}
        )
    wait_until(lambda: all(report.headline for report in receiver.inbox.reports()))
    page.goto(receiver.url)
    page.get_by_label("Version").select_option("1")
    page.wait_for_url("**/?product=&version=1")
    assert page.locator("li.group").count() == 1
    page.goto(f"{receiver.url}/reports/{rxid}")
    page.get_by_text("Delete this report").click()
    page.get_by_role("button", name="Delete it").click()
    page.wait_for_url(receiver.url + "/")
    assert page.locator("#total").inner_text() == "1"
    assert receiver.inbox.find(rxid) is None


def test_groups_that_are_alike_are_linked_and_lists_are_saved(page, receiver, tmp_path):
    """With names that are markup: the pages of a group and of a report, and the file."""
    calls = (SCRIPT, *(f"game::outer{number}" for number in range(9)))
    for number, signature in enumerate((f"{SCRIPT} | a [memory]", "game::draw | b [memory]")):
        for _ in range(number + 1):
            report = receiver.inbox.get(send_crash(receiver))
            wait_until(lambda rxid=report.rxid: receiver.inbox.get(rxid).headline)
            packed = pack_calls((*calls, *("more",) * number), "named")
            receiver.inbox.describe(report, DumpPage("S", "", signature, "", "", packed))
    page.goto(receiver.url)
    page.locator("a.row", has_text="game::draw").click()
    page.locator("section.related a", has_text="<script>").click()
    page.locator("section.related a", has_text="game::draw").wait_for()
    page.locator("ol.groups a.row").click()
    page.locator("section.related a", has_text="game::draw").wait_for()
    page.goto(receiver.url)
    with page.expect_download() as download:
        page.locator(".export a").first.click()
    download.value.save_as(tmp_path / "got.csv")
    assert download.value.suggested_filename == "groups.csv"
    assert "game::draw | b [memory],2," in (tmp_path / "got.csv").read_text(encoding="utf-8-sig")
