"""The documentation as a site: complete, and strict about its links."""

import re
import shutil
from importlib.util import find_spec

import pytest

from tests.conftest import ROOT
from tools.cookbook import RECIPES, TRANSCRIPTS, render_cookbook
from tools.site import build, list_pages, stage

needs_mkdocs = pytest.mark.skipif(
    not find_spec("mkdocs") or not find_spec("material"), reason="needs mkdocs"
)


def copy_pages(folder):
    """The project's pages alone, to be broken."""
    for name in (*list_pages(ROOT), "docs/images", "crashtool/render"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
        elif name != "docs/decisions" and (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("*.py", "__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    return folder


def test_every_page_is_in_the_menu_or_said_not_to_be():
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = [page for page in list_pages(ROOT).values() if not page.startswith("decisions/2")]

    assert [
        page for page in pages if not re.search(rf": {re.escape(page)}$", menu, re.MULTILINE)
    ] == []


def test_every_transcript_of_the_tests_is_in_the_cookbook():
    found = [
        path.name for pattern in ("*.txt", "*.transcript") for path in TRANSCRIPTS.glob(pattern)
    ]

    assert sorted(found) == sorted(RECIPES)
    assert "$ crashtool inspect game.dmp\n" in render_cookbook()


def test_links_between_pages_lead_within_the_site(tmp_path):
    stage(ROOT, tmp_path)
    start = (tmp_path / "index.md").read_text(encoding="utf-8")
    reference = (tmp_path / "json.md").read_text(encoding="utf-8")

    assert "](guide.md)" in start
    assert "](docs/" not in start
    assert "](assets/crash.schema.json)" in reference
    assert (tmp_path / "assets" / "crash.schema.json").is_file()


def test_what_a_block_of_code_is_for_is_no_part_of_its_language(tmp_path):
    stage(ROOT, tmp_path)
    guide = (tmp_path / "guide.md").read_text(encoding="utf-8")

    assert '```toml title="crashtool.toml"\n' in guide
    assert "```console receiver" not in guide


@needs_mkdocs
def test_the_site_is_built_and_loads_nothing_from_other_hosts(tmp_path):
    assert build(tmp_path / "site") == 0

    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert re.findall(r'(?:src|<link[^>]*stylesheet[^>]*href)="(?:https?:)?//', text) == []


@needs_mkdocs
@pytest.mark.parametrize("broken", ["[a](nowhere.md)", "[b](cli.md#crashtool-nothing)"])
def test_a_dead_link_fails_the_build(tmp_path, broken, capfd):
    root = copy_pages(tmp_path / "project")
    guide = root / "docs" / "guide.md"
    guide.write_text(guide.read_text(encoding="utf-8") + f"\n{broken}\n", encoding="utf-8")

    assert build(tmp_path / "site", root) != 0
    assert broken[broken.index("(") + 1 : -1].partition("#")[0] in capfd.readouterr().err
