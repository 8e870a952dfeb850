"""The project's pages for people: links lead somewhere, and the files that are named are there."""

import re
import subprocess

import pytest

from tests.conftest import ROOT

FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
NAMED = re.compile(r"`((?:[\w.-]+/)+(?:[\w.-]+\.\w+|))`")
BASES = ("", "crashtool", "crashtool/services", "crashtool/services/integration/doctor")
ELSEWHERE = {"corpus/", "truth/", "captures/", "doctor/"}  # not ours to publish; a room's room


def list_pages():
    """Every Markdown page of the project, generated ones too."""
    folders = (ROOT, ROOT / "docs", ROOT / "docs" / "decisions", ROOT / "benchmarks")
    return sorted(page for folder in folders for page in folder.glob("*.md"))


def anchors_of(page):
    """The fragments that GitHub and the site make of a page's headings."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    words = [re.sub(r"[^\w\- ]", "", title.lower()) for title in HEADING.findall(text)]
    return {word.strip().replace(" ", "-") for word in words}


def find_dead_links(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        if not found.exists() or (fragment and fragment not in anchors_of(found)):
            yield target


@pytest.mark.parametrize("page", list_pages(), ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page):
    assert list(find_dead_links(page)) == []


def test_a_dead_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A `b`: c\n[x](#a-b-c) [y](other.md)\n[z](#nowhere)\n```\n[not](a-link.md)\n```\n",
        encoding="utf-8",
    )

    assert list(find_dead_links(page)) == ["other.md", "#nowhere"]


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_files_that_a_page_names_are_there(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    named = {re.sub(r"\.[A-Z_]+$", ".py", path) for path in NAMED.findall(text)} - ELSEWHERE
    missing = [path for path in named if not any((ROOT / base / path).exists() for base in BASES)]

    assert len(named) > 15
    assert missing == []


def test_files_of_the_hosting_site_can_be_read():
    yaml = pytest.importorskip("yaml", reason="needs PyYAML")
    kit = [".pre-commit-config.yaml", "mkdocs.yml"] + [
        path.relative_to(ROOT).as_posix() for path in (ROOT / ".github").rglob("*.yml")
    ]
    documents = {name: yaml.safe_load((ROOT / name).read_text("utf-8")) for name in kit}

    assert all(documents.values())
    steps = documents[".github/workflows/check.yml"]["jobs"]
    assert "make docs" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert {"run": ".ci/run"} in steps["check"]["steps"]
    assert any("make test" in step.get("run", "") for step in steps["test"]["steps"])
    assert set(steps["test"]["strategy"]["matrix"]["os"]) == {"windows-latest", "macos-latest"}


def test_each_hook_before_a_commit_is_a_target_of_make():
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    targets = re.findall(r"entry: make (\w+)", text)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert len(targets) > 3
    assert all(re.search(rf"(?m)^{target}:", makefile) for target in targets)


def test_what_tools_leave_behind_is_not_in_git():
    if not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout")
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()

    leftovers = (".schemathesis/", ".hypothesis/", "__pycache__/", ".venv/", "build/", "dist/")
    assert [name for name in listed if name.startswith(leftovers) or "/__pycache__/" in name] == []
