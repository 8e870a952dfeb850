"""What a person sees first, in a real browser: the page of a crash, and the inbox.

`make screenshots` writes the pictures of the documentation; they are of these pages.
"""

import os
import re
import shutil
import struct
import subprocess
import sys
from contextlib import closing

import pytest
import requests

from crashtool.commands.dump_pages import DumpPages
from crashtool.render.html_style import STYLE
from crashtool.services.receiver.app import start_receiver
from tests.conftest import ROOT
from tests.services.receiver.conftest import wait_until

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
GAME = ROOT / "tools" / "demo_program" / "game"
IMAGES = ROOT / "docs" / "images"
SIZES = {
    "page": {"width": 1000, "height": 700},
    "page-phone": {"width": 390, "height": 760},
    "inbox": {"width": 1000, "height": 420},
}
LARGEST = 150_000  # bytes of a picture in git
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium"),
    pytest.mark.skipif(
        sys.platform != "linux" or os.uname().machine != "x86_64", reason="needs Linux x86-64"
    ),
    pytest.mark.xdist_group("browser"),
]


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def dump(tmp_path_factory):
    """A real crash of the demo's program, written by crashtool itself: nothing else is needed."""
    folder = tmp_path_factory.mktemp("crash")
    environment = {name: value for name, value in os.environ.items() if name[:10] != "CRASHTOOL_"}
    line = [sys.executable, "-m", "crashtool", "run", "--writer", "own", "--database", "database",
            "--annotation", "prod=Game", "--annotation", "ver=1.4.2", "--", GAME]  # fmt: skip
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), *sys.path]))
    subprocess.run(line, cwd=folder, env=environment, capture_output=True, check=False)
    found = sorted(folder.rglob("*.dmp"))
    if not found:
        pytest.skip("needs the right to trace a program")
    shutil.copyfile(found[0], folder / "crash.dmp")
    return folder / "crash.dmp"


def show(browser, request, name, url):
    """The page in a window of the picture's size; with the option, its picture is written."""
    page = browser.new_context(viewport=SIZES[name], color_scheme="light").new_page()
    page.goto(url)
    page.locator("ol").first.wait_for()
    if request.config.getoption("--rewrite-screenshots"):
        IMAGES.mkdir(exist_ok=True)
        page.screenshot(path=IMAGES / f"{name}.png")
    return page


@pytest.mark.parametrize("name", ["page", "page-phone"])
def test_the_first_screen_of_a_page_has_the_stack(
    browser, request, crashtool, dump, tmp_path, name
):
    written = tmp_path / "crash.html"
    shutil.copyfile(dump, "crash.dmp")
    made = crashtool(
        "inspect",
        "--no-local-symbols",
        "--symbols",
        GAME,
        "--html",
        written,
        "crash.dmp",
        "--brief",
    )
    page = show(browser, request, name, written.as_uri())
    frames = page.locator("ol.stack > li")

    assert made.exit_code == 0, made.output
    assert "draw_mesh" in frames.nth(0).inner_text()
    box = frames.nth(3).bounding_box()
    assert box["y"] + box["height"] < SIZES[name]["height"]
    assert page.locator("section h2").first.inner_text().startswith("Stack of thread")
    assert page.locator(".place").first.evaluate("e => getComputedStyle(e).color") == page.locator(
        "body"
    ).evaluate("e => getComputedStyle(e).color")
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[name]["width"]


def test_the_first_screen_of_the_inbox_has_groups_filters_and_times(
    browser, request, dump, tmp_path
):
    with (
        closing(DumpPages()) as pages,
        start_receiver(tmp_path / "inbox", read_dump=pages, style=STYLE) as receiver,
    ):
        with GAME.open("rb") as program:
            requests.post(
                receiver.submission_url("symbols") + "?upload_file=game", data=program, timeout=30
            )
        for product, version in (("Editor", "0.9"), ("Game", "1.4.1"), ("Game", "1.4.2")):
            requests.post(
                receiver.submission_url(),
                data={"prod": product, "ver": version},
                files={"upload_file_minidump": ("crash.dmp", dump.read_bytes())},
                timeout=30,
            ).raise_for_status()
        wait_until(lambda: all(report.headline for report in receiver.inbox.reports()))
        page = show(browser, request, "inbox", receiver.url)
        words = page.locator("main").inner_text()

    assert "3 reports · 1 upload of symbols" in " ".join(words.split())
    assert words.count(" UTC") == page.locator("li.group").count() > 0
    assert page.locator("form.filter select").count() == 2


def test_the_readme_shows_what_inspect_says(crashtool, dump):
    pytest.importorskip("capstone", reason="needs capstone")
    said = crashtool("inspect", "--no-local-symbols", "--symbols", GAME, dump).stdout
    block = (ROOT / "README.md").read_text(encoding="utf-8").partition("```console\n")[2]
    lines = block.partition("\n```")[0].splitlines()
    shown = [line for line in lines[3:] if line != "…"]  # behind call, headline and blank line

    assert len(shown) > 10
    # numbers and addresses of the process differ each time
    blur = re.compile(r"(pid|thread) \d+|up \d+ s|0x[0-9a-f]{12}")
    assert {blur.sub("", line) for line in shown} <= {
        blur.sub("", line) for line in said.splitlines()
    }


@pytest.mark.parametrize("name", SIZES)
def test_the_pictures_of_the_documentation_are_there_and_small(name):
    data = (IMAGES / f"{name}.png").read_bytes()

    assert len(data) < LARGEST
    assert struct.unpack(">II", data[16:24]) == tuple(SIZES[name].values())
