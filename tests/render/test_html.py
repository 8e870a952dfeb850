"""The web page: what is on it, that it needs nothing else, that nothing on it runs."""

import os
import re
import shutil
import subprocess
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from crashtool.model.crash import Frame, Thread
from crashtool.model.module import Module
from crashtool.model.signature import sign
from crashtool.render.html import MAX_THREADS, render_html
from tests.render.reports import ATTACK, GAME, full_report, hostile_report, report

VOID = {"meta", "br"}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Reader(HTMLParser):
    """Checks that tags match; collects the text, the tags and their attributes."""

    def __init__(self, page):
        super().__init__()
        self.open, self.words, self.tags = [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def read(*reports):
    return Reader(render_html(list(reports)))


def test_the_page_tells_the_whole_report():
    text = read(full_report()).text
    for words in (
        "SIGSEGV / SEGV_MAPERR", "probably a stack overflow",
            "game.exe!Mesh::bind, mesh.h:88",
        f"Signature {sign(full_report()).text}",
            "Instruction mov rax", "assertion: mesh != nullptr",
        "Last error ERROR_ACCESS_DENIED", "Message abort() called", "Comment by hand",
        "Process game.exe 1.4.2, pid 42", "Report id 00000000-0000-0000-0000-000000000001",
        "1 of 2 modules on the stack can be read in full", "mismatch engine.dll",
        "give the right one", "it has AAAA, the dump wants BBBB", 'Stack of thread 7 "Render"',
        "0 Renderer::flush renderer.cpp:214", "- frame pointer ~ stack scanning i inlined",
        "in unloaded gone.dll + 0x10", "Thread 8", "no registers of this thread",
        "rip 000000000041f2a0", "ver 1.4.2 process", "not uploaded", "JSON web token 2",
        "cut 0x3", "Loaded modules (2)", "0123456789ABCDEF0123456789ABCDEF1",
        "Unloaded modules (1)", "Handles (2)", "Streams (1)", "41 42 43 00", "Not in the dump.",
    ):  # fmt: skip
        assert words in text, words


def test_the_stack_comes_second_and_before_the_facts():
    text = read(full_report()).text
    order = (
        "SIGSEGV / SEGV_MAPERR",
        "Stack of thread 7",
        "What happened",
        "Symbols ",
        "Other threads",
    )

    places = [text.index(words) for words in order]
    assert places == sorted(places)


def test_how_a_frame_was_found_is_a_sign_with_words_for_who_asks():
    signs = [
        attributes
        for tag, attributes in read(full_report()).tags
        if attributes.get("class") == "sign" and "title" in attributes
    ]

    assert signs[0]["aria-label"] == signs[0]["title"] == "inlined"
    assert "found by stack scanning, a guess" in [row["title"] for row in signs]


def test_a_source_is_a_link_only_where_it_has_a_page():
    known = "git:github.com/acme/game:src/mesh.cpp:0123abc"
    frames = (
        Frame(1, "context", GAME, "f", 0, known, 12),
        Frame(2, "cfi", GAME, "g", 0, "/src/main.cpp", 7),
        Frame(3, "cfi", GAME, "h", 0, "git:evil.example/x:javascript.cpp:0", 7),
    )
    tags = read(report(threads=(Thread(7, None, frames),))).tags
    places = [(tag, row.get("href")) for tag, row in tags if row.get("class") == "place mono"]

    assert places == [
        ("a", "https://github.com/acme/game/blob/0123abc/src/mesh.cpp#L12"),
        ("span", None),
        ("span", None),
    ]


def test_source_lines_mark_the_place():
    page = render_html([full_report()])
    assert "<mark>88      line 88;</mark>" in page
    assert page.count("<mark>") == 1


def test_a_page_of_little_is_a_page():
    text = read(
        report(
            crash=None,
            crashing_thread=None,
            threads=(),
            modules=(),
            unloaded_modules=(),
            system=None,
            written=None,
        )
    ).text
    assert "no exception" in text
    for words in ("Symbols", "Stack of", "Other threads", "Registers", "Secrets", "Annotations"):
        assert words not in text
    assert "Secrets None found." in read(report(secrets=())).text
    assert "--symbols names a build folder" in read(report()).text
    missing = read(report(crashing_thread=None)).text
    assert "Thread 7 (not in the dump)" in missing


def test_stacks_without_frames_say_why():
    threads = (Thread(7, None, ()), Thread(8, None, (), note="the stack is gone"))
    text = read(report(threads=threads)).text
    assert "No frames." in text
    assert "the stack is gone" in text


def test_recursion_is_folded_and_threads_are_capped():
    frames = tuple([Frame(0x400001, "cfi", GAME, "recurse")] * 100)
    threads = [Thread(n, None, frames[:1]) for n in range(MAX_THREADS + 4)]
    threads[0] = Thread(0, None, frames)
    text = read(report(threads=tuple(threads))).text
    assert "… 99 more of the same" in text
    assert "and 3 more" in text


def test_a_stack_without_end_is_cut_in_words_that_fit_a_page():
    frames = tuple(Frame(0x400000 + n, "cfi", GAME, f"f{n}") for n in range(300))
    text = read(report(threads=(Thread(7, None, frames),))).text
    assert "… 236 more frames = 294 f294" in text
    assert "--verbose" not in text


def test_tables_are_capped():
    modules = tuple(Module(n << 16, 1, f"m{n}", "") for n in range(4100))
    assert "and 4 more" in read(report(modules=modules)).text


def test_several_reports_have_a_list_of_links():
    page = read(full_report(), report(path="other.dmp", crash=None), report())
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    places = [attributes["id"] for tag, attributes in page.tags if tag == "article"]
    assert links == ["#report-0", "#report-1", "#report-2"]
    assert places == ["report-0", "report-1", "report-2"]
    assert "other.dmp no exception" in page.text
    assert "<nav" not in render_html([report()])


def test_nothing_is_loaded_and_nothing_may_run():
    for page in (render_html([hostile_report()]), render_html([hostile_report(), full_report()])):
        tags = Reader(page).tags
        assert not {tag for tag, _ in tags} & {"script", "img", "link", "iframe", "object", "form"}
        for _, attributes in tags:
            assert not [name for name in attributes if name.startswith("on") or name == "style"]
            assert attributes.get("href", "#").startswith("#")
            assert "src" not in attributes
        assert "\x1b" not in page
        assert "\u202e" not in page
        assert "<script" not in page


def test_the_policy_allows_the_style_sheet_and_nothing_else():
    page = render_html([report()])
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert "unsafe" not in page
    assert "url(" not in style


def test_every_text_of_a_dump_is_harmless():
    text = read(hostile_report()).text
    assert text.count("alert(1)") > 30  # shown, as text
    assert ATTACK not in text


@pytest.fixture
def chromium(tmp_path):
    if CHROMIUM is None:
        pytest.skip("needs chromium")

    def dump(page):
        """The document as the browser has it after it has run what it would run, and its log."""
        path = tmp_path / "report.html"
        path.write_text(page, encoding="utf-8")
        run = subprocess.run(
            [
                CHROMIUM,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--enable-logging=stderr",
                "--dump-dom",
                f"--user-data-dir={tmp_path / 'profile'}",
                path.as_uri(),
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
            env=os.environ | {"HOME": str(tmp_path)},
        )
        return run.stdout, run.stderr

    return dump


def test_in_a_real_browser_nothing_hostile_runs(chromium):
    document, log = chromium(render_html([hostile_report(), full_report()]))
    page = Reader(document)
    assert "2 minidumps" in page.text
    assert not {tag for tag, _ in page.tags} & {"script", "img"}
    assert page.text.count("alert(1)") > 30
    assert "Content Security Policy" not in log  # else the style sheet was refused


def test_a_real_browser_would_say_so_if_something_ran(chromium):
    """That the test above can fail: this page's script runs, or is refused by its policy."""
    script = "<script>document.body.append('it ran')</script>"
    assert "it ran" in chromium(f"<body>{script}</body>")[0].replace(script, "")
    safe_page = render_html([report()]).replace("</main>", script + "</main>")
    document, log = chromium(safe_page)
    assert "it ran" not in document.replace(script, "")
    assert "Content Security Policy" in log
