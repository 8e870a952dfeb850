import pytest

from crashtool.formats.source_path import SourcePath, find_source_url, parse_source_path
from crashtool.render.words import format_source_location

HG = "hg:hg.mozilla.org/mozilla-central:memory/mozalloc/mozalloc.cpp:958d142c5c4d"
GIT = "git:github.com/rust-lang/rust:library/std/src/panicking.rs:9fc6b431"
GENERATED = f"s3:gecko-generated-sources:{'0f' * 64}/ipc/PContent.cpp:"


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        (HG, "memory/mozalloc/mozalloc.cpp", "mozalloc.cpp:33"),
        (GIT, "library/std/src/panicking.rs", "panicking.rs:33"),
        (GENERATED, "ipc/PContent.cpp", "PContent.cpp:33"),
        ("/src/a.cpp", "/src/a.cpp", "a.cpp:33"),
        ("C:\\src\\a.cpp", "C:\\src\\a.cpp", "a.cpp:33"),
        ("hg:a:b", "hg:a:b", "hg:a:b:33"),
    ],
)
def test_a_path_is_read_without_its_repository_and_revision(text, path, words):
    assert parse_source_path(text).path == path
    assert format_source_location(text, 33) == words


def test_known_hosts_have_a_page_for_a_line():
    assert find_source_url(parse_source_path(GIT), 7) == (
        "https://github.com/rust-lang/rust/blob/9fc6b431/library/std/src/panicking.rs#L7"
    )
    assert find_source_url(parse_source_path(HG), 33).endswith(
        "/mozilla-central/file/958d142c5c4d/memory/mozalloc/mozalloc.cpp#l33"
    )


@pytest.mark.parametrize(
    "source",
    [
        SourcePath("a.c", "git", "evil.example/github.com/x", "1"),
        SourcePath("a.c", "git", "github.com.evil.example/x", "1"),
        SourcePath("a.c", "git", "github.com/x", ""),
        SourcePath("a.c"),
    ],
)
def test_others_have_none(source):
    assert find_source_url(source, 1) == ""


def test_a_hostile_path_stays_a_path_of_the_page():
    url = find_source_url(SourcePath('"><script>?#', "git", "github.com/x/y", "../z"), 1)

    assert url == "https://github.com/x/y/blob/..%2Fz/%22%3E%3Cscript%3E%3F%23#L1"
