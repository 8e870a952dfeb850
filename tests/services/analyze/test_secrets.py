import io
import random
import time
import tracemalloc

import pytest

from crashtool.errors import InputUnusable
from crashtool.services.analyze import secrets
from crashtool.services.analyze.secrets import count_in, count_secrets

# Each is made of its parts here, so that no scanner takes this file for a leak.
B64 = "Ab3" * 40
HEX = "0123456789abcdef" * 4
SECRETS = {
    "AWS access key id": "AKIA" + "Q3EGRXVZ7HTB2WNM",
    "Anthropic API key": "sk-ant-" + B64[:48],
    "Backtrace submission URL": "https://submit.backtrace.io/" + "acme/" + HEX + "/minidump",
    "GitHub token": "ghp_" + B64[:36],
    "GitLab token": "glpat-" + B64[:20],
    "Google API key": "AIza" + B64[:35],
    "HTTP cookie": "Cookie: " + "session=8c1f0a9be2",
    "JSON web token": f"eyJ{B64[:24]}.eyJ{B64[:24]}.{B64[:43]}",
    "OpenAI API key": "sk-proj-" + B64[:48],
    "PyPI token": "pypi-AgE" + B64[:80],
    "Slack token": "xoxb-" + "123456789012-abcdefghijkl",
    "Slack webhook": "https://hooks.slack.com/services/" + "T01234567/B01234567/" + B64[:24],
    "Stripe key": "sk_live_" + B64[:24],
    "authorization header": "Authorization: " + "Bearer 3f7a9c5e1b2d4f60",
    "e-mail address": "grace.hopper+navy" + "@mail.acme-corp.com",
    "environment variable with a secret's name": "DEPLOY_TOKEN" + "=hunter2hunter2",
    "npm token": "npm_" + B64[:36],
    "password in a URL": "postgres://" + "admin:hunter2!@db.internal",
    "private key": "-----BEGIN " + "RSA PRIVATE KEY-----\n" + B64[:64] + "\n",
}


def count(content):
    return {item.kind: item.total for item in count_in(io.BytesIO(content))}


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
@pytest.mark.parametrize("gap", [8, 9])
def test_each_kind_is_counted_in_every_encoding_at_every_place(kind, encoding, gap):
    secret = SECRETS[kind].encode(encoding)
    assert count(bytes(gap) + secret + bytes(8)) == {kind: 1}
    assert count(bytes(gap) + secret + bytes(gap) + secret) == {kind: 2}


@pytest.mark.parametrize("kind", SECRETS)
def test_secrets_across_chunks_are_counted_once(kind, monkeypatch):
    monkeypatch.setattr(secrets, "CHUNK", 512)
    for encoding in ("utf-8", "utf-16-le"):
        secret = SECRETS[kind].encode(encoding)
        for before in (505, 510, 512 - len(secret) // 2 // 2 * 2, 1022):
            assert count(bytes(before) + secret + bytes(700)) == {kind: 1}, before


@pytest.mark.parametrize(
    "text",
    [
        "AKIA" + "IOSFODNN7EXAMPLE",
        "xAKIA" + "Q3EGRXVZ7HTB2WNM",
        "-----BEGIN " + "RSA PRIVATE KEY-----\0",
        "-----BEGIN CERTIFICATE-----\n" + B64,
        "eyJ" + B64,
        "ghp_" + "a" * 36,
        "AKIA" + "A" * 16,
        "task_live_" + B64[:24],
        "\0MONKEY" + "=abcdefghijkl",
        "TOKEN=short",
        "\0PASSWORD=%s and more",
        "\0AWS_CREDENTIALS" + "=/home/me/.aws",
        "MYTOKEN:abcdefghijkl",
        "call.TOKEN" + "=abcdefghijkl",
        "git@github.com",
        "memcpy@GLIBC_2.14",
        "@mail.acme-corp.com",
        "a@b.com",
        "someone@localhost",
        "https://example.com:8080/path@x",
        "://:@host",
        "Cookie: a",
        "Authorization: none",
        "https://submit.backtrace.io/acme/TOKEN/minidump",
    ],
)
def test_what_only_resembles_a_secret_is_not_counted(text):
    assert count(b"\0" + text.encode() + b"\0") == {}
    assert count(text.encode("utf-16-le")) == {}


def test_letters_with_other_bytes_between_are_no_utf_16():
    secret = SECRETS["GitHub token"].encode()
    assert count(b"".join(bytes((byte, 0x80)) for byte in secret)) == {}


def test_random_bytes_hold_no_secrets():
    assert count(random.Random(1).randbytes(1 << 22)) == {}  # noqa: S311 (the same bytes each time)


def test_nothing_is_counted_in_nothing():
    assert count_in(io.BytesIO(b"")) == ()


@pytest.mark.parametrize(
    "part",
    [
        "@",
        "eyJ",
        ".eyJ",
        " eyJ",
        "TOKEN=",
        "://",
        "://a:",
        "a@a.",
        "Cookie: a=",
        "-----BEGIN ",
        "uthorization: Bearer a",
        "@a.a.a.a.a.a",
        "\0TOKEN=aaaaaaaa",
        "ghp_",
    ],
)
def test_hostile_content_takes_no_longer_than_other(part):
    content = part.encode() * ((1 << 20) // len(part))
    started = time.process_time()
    count(content)
    assert time.process_time() - started < 20  # what grows with the square takes hours


def test_memory_stays_bounded_however_large_the_dump_is(tmp_path):
    path = tmp_path / "large.dmp"
    with path.open("wb") as file:
        file.write(SECRETS["GitHub token"].encode())
        file.truncate(24 << 20)
    tracemalloc.start()
    try:
        found = count_secrets(str(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [(item.kind, item.total) for item in found] == [("GitHub token", 1)]
    assert peak < 2 << 20


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(InputUnusable, match="cannot be read"):
        count_secrets(str(tmp_path / "gone.dmp"))


def test_no_secret_comes_back_in_any_form():
    whole = repr(count_in(io.BytesIO("\0".join(SECRETS.values()).encode())))
    assert not any(secret[-12:] in whole for secret in SECRETS.values())


def test_real_dumps_hold_few_and_give_none_away(truth):
    for path in sorted((truth / "linux" / "cases").glob("*.dmp"))[:10]:
        assert sum(item.total for item in count_secrets(str(path))) < 50
