import pytest

from crashtool.errors import BadUrl, UsageError
from crashtool.formats.submission_url import build_url
from crashtool.services.symbol_upload.symbol_url import find_destination, request_url

TOKEN, OTHER = "5c" * 32, "ab" * 32


def destination(url=None, *, universe=None, host=None, token=None):
    return find_destination(url, universe=universe, host=host, token=token)


@pytest.mark.parametrize(
    ("pieces", "url"),
    [
        (
            {"url": f"https://submit.backtrace.io/acme/{TOKEN}/symbols"},
            f"https://submit.backtrace.io/acme/{TOKEN}/symbols",
        ),
        ({"universe": "acme", "token": TOKEN}, f"https://submit.backtrace.io/acme/{TOKEN}/symbols"),
        (
            {"host": "crash.example.com", "token": TOKEN},
            f"https://crash.example.com:6098/post?format=symbols&token={TOKEN}",
        ),
        (
            {"url": f"https://acme.sp.backtrace.io:6098/post?format=symbols&token={TOKEN}"},
            f"https://acme.sp.backtrace.io:6098/post?format=symbols&token={TOKEN}",
        ),
        (
            {"url": "https://acme.sp.backtrace.io:6098/", "token": TOKEN},
            f"https://acme.sp.backtrace.io:6098/post?format=symbols&token={TOKEN}",
        ),
        (
            {"url": f"https://submit.backtrace.io/acme/{TOKEN}/symbols", "token": TOKEN},
            f"https://submit.backtrace.io/acme/{TOKEN}/symbols",
        ),
    ],
)
def test_a_url_or_its_pieces_lead_to_the_symbols_endpoint(pieces, url):
    pieces = dict(pieces)

    assert build_url(destination(pieces.pop("url", None), **pieces)) == url


def test_tag_and_file_name_travel_in_the_query():
    found = destination(f"https://submit.backtrace.io/acme/{TOKEN}/symbols?tag=old&x=1")

    url = request_url(found, tag="v1 & more", upload_file="My App.pdb")

    assert url.endswith("/symbols?x=1&upload_file=My%20App.pdb&tag=v1%20%26%20more")
    assert request_url(found, tag=None).endswith("/symbols?tag=old&x=1")


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ({}, "no URL to send symbols to"),
        ({"universe": "acme"}, "no symbol token"),
        ({"url": f"https://submit.backtrace.io/acme/{TOKEN}/minidump"}, "submission token"),
        (
            {"url": f"https://submit.backtrace.io/acme/{TOKEN}/minidump", "token": OTHER},
            "submission token",
        ),
        ({"url": f"https://submit.backtrace.io/acme/{TOKEN}/sourcemap"}, "takes a sourcemap"),
        (
            {"url": f"https://submit.backtrace.io/acme/{TOKEN}/symbols", "token": OTHER},
            "conflicting symbol tokens",
        ),
        ({"url": "https://acme.sp.backtrace.io:6098/"}, "holds none"),
        ({"url": f"https://submit.backtrace.io/<universe>/{TOKEN}/symbols"}, "placeholder"),
        ({"url": "ftp://example.com"}, "scheme-unknown"),
        ({"url": "https://[::1"}, "host-invalid"),
    ],
)
def test_a_destination_that_cannot_be_meant_is_an_error(pieces, words):
    pieces = dict(pieces)

    with pytest.raises((BadUrl, UsageError), match=words) as caught:
        destination(pieces.pop("url", None), **pieces)

    assert TOKEN not in str(caught.value)
    assert caught.value.hint
