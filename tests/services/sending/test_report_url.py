import pytest

from crashtool.errors import CheckFailed, UsageError
from crashtool.services.sending.report_url import find_login, find_report_url

TOKEN = "0123456789abcdef" * 4
OTHER = "fedcba9876543210" * 4
HOSTED = f"https://submit.backtrace.io/acme/{TOKEN}/minidump"


def find(url=None, universe=None, host=None, token=None):
    said = []
    found = find_report_url(url, universe=universe, host=host, token=token, warn=said.append)
    return found, said


def test_a_good_url_is_taken_as_it_is():
    assert find(HOSTED) == (HOSTED, [])


def test_a_universe_and_a_token_make_the_hosted_url():
    assert find(universe="acme", token=TOKEN) == (HOSTED, [])


def test_a_host_and_a_token_make_the_self_hosted_url():
    url, _ = find(host="crash.example.com", token=TOKEN)

    assert url == f"https://crash.example.com:6098/post?format=minidump&token={TOKEN}"


def test_urls_of_other_receivers_are_let_through():
    assert find("http://127.0.0.1:8080/submit") == ("http://127.0.0.1:8080/submit", [])


def test_a_missing_slash_is_mended_and_said():
    url, said = find("http://127.0.0.1:6097")

    assert url == "http://127.0.0.1:6097/"
    assert "Windows" in said[0]


@pytest.mark.parametrize(
    ("url", "filled"),
    [
        (
            "https://crash.example.com:6098/post?format=minidump",
            f"https://crash.example.com:6098/post?format=minidump&token={TOKEN}",
        ),
        (
            "https://crash.example.com:6098/post",
            f"https://crash.example.com:6098/post?format=minidump&token={TOKEN}",
        ),
        (
            "https://submit.backtrace.io/acme",
            f"https://submit.backtrace.io/acme/{TOKEN}/minidump",
        ),
    ],
)
def test_token_and_format_are_put_where_their_places_are_empty(url, filled):
    assert find(url, token=TOKEN)[0] == filled


def test_the_urls_own_token_stays():
    assert find(HOSTED, token=OTHER)[0] == HOSTED


@pytest.mark.parametrize("url", ["https://crash.example.com:6098/post?format=minidump", "nonsense"])
def test_what_cannot_work_fails_before_any_request(url):
    with pytest.raises(CheckFailed, match="cannot be used"):
        find(url)


def test_a_fragment_is_refused_as_no_transport_sends_it():
    with pytest.raises(CheckFailed, match="fragment"):
        find(HOSTED + "#x", token=TOKEN)


def test_the_message_does_not_show_the_token():
    with pytest.raises(CheckFailed) as caught:
        find(HOSTED + "#x")
    assert TOKEN not in caught.value.what


def test_a_url_for_symbols_is_refused():
    with pytest.raises((CheckFailed, UsageError), match=r"symbols|format-unexpected"):
        find(HOSTED.replace("minidump", "symbols"))


def test_without_a_place_or_a_token_there_is_nothing_to_do():
    with pytest.raises(UsageError, match="no URL to send reports to"):
        find()
    with pytest.raises(UsageError, match="no submission token") as caught:
        find(universe="acme")
    assert "CRASHTOOL_TOKEN" in caught.value.hint


def test_a_servers_root_needs_token_and_format_as_fields():
    root = "https://crash.example.com:6098/"

    assert dict(find_login(root, TOKEN)) == {"format": "minidump", "token": TOKEN}
    assert find_login(root, None) == ()
    assert find_login(HOSTED, TOKEN) == ()
    assert find_login("nonsense", TOKEN) == ()
