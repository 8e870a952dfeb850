"""url.*, token.*, annotations.*: each fault planted in the settings, its twin healthy."""

from contextlib import closing

import pytest

from crashtool.formats.submission_url import ERROR, check_url
from crashtool.model.doctor import FAILURE, NOTE, PASS, SKIP
from crashtool.services.integration.doctor.submission_checks import TOKEN_CHECKS
from tests.formats.test_submission_url import BROKEN, HOSTED, ROOT, SELF_HOSTED, TOKEN
from tests.services.integration.doctor.folders import (
    examine,
    failures,
    find_finding,
    warnings,
)
from tests.synth.scripted_server import ScriptedServer, answer

SYMBOLS = TOKEN.replace("5c267f", "aaaaaa")
RULES_OF_URLS = {rule for rule, _, _ in BROKEN}
# rule, key=value texts, attachments
BAD_ANNOTATIONS = [
    ("empty-key", ["=x"], []),
    ("nul", ["a=b\0c"], []),
    ("not-unicode", ["a=\udcff"], []),
    ("duplicate-key", ["a=1", "a=2"], []),
    ("twin-keys", ["Level=1", "level=1"], []),
    ("reserved-key", ["guid=1"], []),
    ("token-in-annotation", [f"token={TOKEN}"], []),
    ("product-spelling", ["product=Game"], []),
    ("strange-key", [" a=1"], []),
    ("dictionary-limits", [f"a={'x' * 300}"], []),
    ("object-limits", [f"a={'x' * 30_000}"], []),
    ("likely-secret", ["password=x"], []),
    ("attachment-path", ["a=1"], ["log=game.log"]),
    ("attachment-name", ["a=1"], ["/var/log/a b.log"]),
    ("attachment-same-name", ["a=1"], ["/a/x.log", "/b/x.log"]),
    ("attachment-named-like-field", ["x.log=1"], ["/a/x.log"]),
    ("attachment-name-unused", ["a=1"], ["other.log=/a/x.log"]),
    ("command-line-length", [f"a={'x' * 140_000}"], []),
]
HEALTHY = {"url": HOSTED, "annotations": ["prod=Game", "ver=1.4.2"]}


def look(tmp_path, **settings):
    return examine(tmp_path, settings=settings)


def check_of(rule):
    return TOKEN_CHECKS.get(rule, f"url.{rule}")


@pytest.mark.parametrize(("rule", "url"), [(rule, url) for rule, url, _ in BROKEN if url])
def test_a_url_that_breaks_a_rule_is_told_under_its_name(tmp_path, rule, url):
    expected = {check_of(found.rule): found.severity for found in check_url(url)}

    diagnosis = look(tmp_path, url=url)

    assert failures(diagnosis) == {name for name, kind in expected.items() if kind == ERROR}
    assert warnings(diagnosis) >= {name for name, kind in expected.items() if kind != ERROR}
    assert check_of(rule) in expected
    shown = [text for finding in diagnosis.findings for text in finding if isinstance(text, str)]
    assert not any(TOKEN in text for text in shown)


@pytest.mark.parametrize("url", [HOSTED, SELF_HOSTED])
def test_a_good_url_passes_every_rule(tmp_path, url):
    diagnosis = look(tmp_path, url=url, annotations=HEALTHY["annotations"])

    assert failures(diagnosis) == set()
    passed = {finding.check for finding in diagnosis.findings if finding.verdict == PASS}
    assert passed >= {check_of(rule) for rule in RULES_OF_URLS}


def test_a_url_for_symbols_is_not_for_crashes(tmp_path):
    diagnosis = look(tmp_path, url=HOSTED.replace("minidump", "symbols"))

    assert "url.format-unexpected" in failures(diagnosis)


def test_the_symbol_token_is_the_wrong_kind(tmp_path):
    url = HOSTED.replace(TOKEN, SYMBOLS)

    diagnosis = look(tmp_path, url=url, symbols_token=SYMBOLS)

    assert failures(diagnosis) == {"token.wrong-kind"}
    assert failures(look(tmp_path, url=HOSTED, symbols_token=SYMBOLS)) == set()


def test_a_url_is_built_from_its_pieces(tmp_path):
    assert failures(look(tmp_path, universe="acme", token=TOKEN[:9])) == {"token.not-64-hex"}
    assert failures(look(tmp_path, universe="acme", token=TOKEN)) == set()


def test_a_url_that_ends_at_the_host_needs_two_annotations(tmp_path):
    annotations = [f"token={TOKEN}", "format=minidump"]

    alone = look(tmp_path, url=ROOT)
    together = look(tmp_path, url=ROOT, annotations=annotations)

    assert "url.root-form" in warnings(alone)
    assert not warnings(together) & {"url.root-form", "annotations.token-in-annotation"}


def test_without_a_url_there_is_nothing_to_check(tmp_path):
    diagnosis = look(tmp_path)

    assert find_finding(diagnosis, "url.placeholder", SKIP).cause == "no URL is set in the settings"
    assert failures(diagnosis) == set()


@pytest.mark.parametrize(
    ("rule", "annotations", "attachments"),
    BAD_ANNOTATIONS,
    ids=[rule for rule, _, _ in BAD_ANNOTATIONS],
)
def test_an_annotation_that_breaks_a_rule_is_told_under_its_name(
    tmp_path, rule, annotations, attachments
):
    diagnosis = look(tmp_path, url=HOSTED, annotations=annotations, attachments=attachments)

    assert f"annotations.{rule}" in failures(diagnosis) | warnings(diagnosis)
    assert all(name.startswith("annotations.") for name in failures(diagnosis))


def test_good_annotations_pass_every_rule(tmp_path):
    log = tmp_path / "game.log"
    log.write_text("x")

    diagnosis = look(tmp_path, **HEALTHY, attachments=[str(log)])

    assert failures(diagnosis) == set()
    assert {name for name in warnings(diagnosis) if name.startswith("annotations")} == set()
    passed = {finding.check for finding in diagnosis.findings if finding.verdict == PASS}
    assert passed >= {f"annotations.{rule}" for rule, _, _ in BAD_ANNOTATIONS}


def test_a_project_file_that_is_found_is_checked_by_itself(tmp_path):
    (tmp_path / "crashtool.toml").write_text(
        'url = "https://submit.backtrace.io/acme/1234/minidump"\n[annotations]\n"a=b" = "x"\n'
    )

    diagnosis = examine(tmp_path)

    assert failures(diagnosis) == {"token.not-64-hex", "annotations.equals-in-key"}
    place = str(tmp_path / "crashtool.toml")
    assert find_finding(diagnosis, "annotations.equals-in-key").file == place


def test_what_is_in_effect_is_told_once(tmp_path):
    (tmp_path / "crashtool.toml").write_text('url = "ftp://h/"\n')

    diagnosis = examine(tmp_path, settings={"url": "ftp://h/"})

    assert find_finding(diagnosis, "url.scheme-unknown").file == "the setting url"


def test_a_damaged_project_file_is_a_skip(tmp_path):
    (tmp_path / "crashtool.toml").write_text("url = \n")

    diagnosis = examine(tmp_path)

    assert failures(diagnosis) == set()
    skips = {row.check for row in diagnosis.findings if row.verdict == SKIP and row.file}
    assert "url.placeholder" in skips


def probe(tmp_path, url):
    return examine(tmp_path, settings={"url": url}, probe=True, timeout=5.0)


def test_the_server_is_asked_only_with_probe(tmp_path):
    diagnosis = look(tmp_path, url="http://127.0.0.1:1/post?format=minidump&token=" + TOKEN)

    assert "--probe" in find_finding(diagnosis, "url.reach", SKIP).cause


def test_a_server_that_answers_is_a_note(tmp_path):
    with closing(ScriptedServer([answer(200)])) as server:
        diagnosis = probe(tmp_path, f"{server.url}/post?format=minidump&token={TOKEN}")

    found = find_finding(diagnosis, "url.reach", NOTE)
    assert "answers (HTTP 200)" in found.cause
    assert "libcurl" in found.consequence
    assert TOKEN not in server.received[0].line


def test_a_dead_port_is_told_in_words(tmp_path):
    diagnosis = probe(tmp_path, f"http://127.0.0.1:1/post?format=minidump&token={TOKEN}")

    found = find_finding(diagnosis, "url.reach")
    assert found.verdict == FAILURE
    assert "127.0.0.1" in found.cause


def test_a_redirect_is_a_failure(tmp_path):
    redirect = answer(301, Location="https://elsewhere.net/")
    with closing(ScriptedServer([redirect])) as server:
        diagnosis = probe(tmp_path, f"{server.url}/post?format=minidump&token={TOKEN}")

    assert "elsewhere.net" in find_finding(diagnosis, "url.reach").cause


def test_tls_asked_of_a_plain_server_is_a_failure(tmp_path):
    with closing(ScriptedServer([answer(200)])) as server:
        url = server.url.replace("http:", "https:")
        diagnosis = probe(tmp_path, f"{url}/post?format=minidump&token={TOKEN}")

    assert "url.reach" in failures(diagnosis)


def test_paths_in_a_file_begin_where_annotate_has_them_begin(tmp_path, monkeypatch, crashtool):
    """Also when doctor is given the folder by a relative path, from outside of it."""
    folder = tmp_path / "game"
    folder.mkdir()
    (folder / "crashtool.toml").write_text(
        'attachments = ["log.txt", "logs/last.txt"]\ndatabase = "crashes"\n'
        '[annotations]\nprod = "Game"\nver = "1"\n'
    )
    monkeypatch.chdir(folder)
    arguments = crashtool_in(folder, monkeypatch, crashtool, "annotate").splitlines()
    monkeypatch.chdir(tmp_path)

    diagnosis = examine("game")

    assert f"--attachment={folder / 'log.txt'}" in arguments
    assert not any(
        finding.check in ("annotations.attachment-path", "database.place")
        and "relative" in (finding.cause or "")
        for finding in diagnosis.findings
    )


def crashtool_in(folder, monkeypatch, crashtool, *words):
    monkeypatch.chdir(folder)
    result = crashtool(*words)
    assert result.exit_code == 0
    return result.stdout


def test_a_value_of_the_wrong_type_in_a_file_is_left_to_the_commands(tmp_path):
    (tmp_path / "crashtool.toml").write_text('database = 3\nattachments = "x"\nurl = ["y"]\n')
    assert failures(examine(tmp_path)) == set()
