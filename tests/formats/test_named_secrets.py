"""Values that a text calls a password, a token or the like are masked; other texts stay."""

import pytest

from crashtool.formats.named_secrets import mask_named_secrets, names_secret_option

SEGMENTS = "eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0NTY3ODkwIn0", "c2lnbmF0dXJl"
WEB_TOKEN = ".".join(SEGMENTS)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("password=hunter2", "password=…"),
        ("DB_PASSWORD=ab;X=1", "DB_PASSWORD=…;X=1"),
        ("Server=db;Password=P@ssword;Pwd=x1;Database=d", "Server=db;Password=…;Pwd=…;Database=d"),
        ("password: hunter2", "password: …"),
        ("the password is set, password: swordfish", "the password is set, password: …"),
        ('{"password": "two words", "user": 5}', '{"password": "…", "user": 5}'),
        (r"{\"password\": \"two words\", \"user\": 5}", r"{\"password\": \"…\", \"user\": 5}"),
        ("password => 'it is'", "password => '…'"),
        ("https://host/path?user=me&passwd=ab%20c&x=1", "https://host/path?user=me&passwd=…&x=1"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPx", "aws_secret_access_key = …"),
        ("token: abc123def456", "token: …"),
        ('"refresh_token":"abc12345678"', '"refresh_token":"…"'),
        ("apiKey=7hT52wPzKq4mVbXe", "apiKey=…"),
        ("x-api-key: 0123456789abcdef", "x-api-key: …"),
        ("session_id=7hT52wPzKq4mVbXe", "session_id=…"),
        (f"Bearer {WEB_TOKEN}", "Bearer …"),
        (WEB_TOKEN, "…"),
        (f"got {WEB_TOKEN[:30]}", "got …"),  # a text is cut before it is masked
        ("Basic dXNlcjpwYXNzMTIz", "Basic …"),
        ("run --password hunter2 --verbose", "run --password … --verbose"),
        ("run --client-secret=hunter2", "run --client-secret=…"),
    ],
)
def test_a_value_that_is_called_secret_is_masked(text, shown):
    assert mask_named_secrets(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "unexpected token: '}'",
        "token: identifier",
        "token_count=12345678",
        "key: 12",
        "key=value",
        "primary key: customers",
        "monkey=banana77777x",
        "keyboard=qwerty1234",
        "invalid password: user unknown",
        "Enter password:",
        "password=",
        "password: ${PASSWORD}",
        "password=null",
        "pwd=/home/someone",
        "PWD=C:\\Users\\someone",
        "the bearer of bad news",
        "Basic authentication",
        "run --key server.pem",
        "run --token-file /etc/token1234",
        "secret santa",
        "session: 2024-01-02T03:04:05",
    ],
)
def test_words_that_only_look_alike_stay(text):
    assert mask_named_secrets(text) == text


def test_options_whose_next_argument_is_a_secret():
    assert names_secret_option("--password")
    assert names_secret_option("-client-secret")
    assert not names_secret_option("--password-file")
    assert not names_secret_option("password")
