import pytest

from crashtool.errors import NetworkFailure, Refused, Rejected
from crashtool.services.transport.http import HttpResponse
from crashtool.services.transport.reply import is_temporary, read_reply


def response(status=200, body=b"", **headers):
    return HttpResponse(status, headers, body, "http://h/")


def test_a_yes_gives_the_crash_id():
    reply = read_reply(response(body=b'{"response":"ok","_rxid":"56-0"}'))

    assert (reply.rxid, reply.object, reply.fingerprint, reply.unique) == ("56-0", None, None, None)


def test_a_synchronous_yes_gives_more():
    reply = read_reply(
        response(
            body=b'{"response":"ok","_rxid":"1","object":"ce","fingerprint":"f","unique":true}'
        )
    )

    assert (reply.object, reply.fingerprint, reply.unique) == ("ce", "f", True)


def test_values_of_the_wrong_type_are_no_values():
    reply = read_reply(response(body=b'{"response":"ok","_rxid":5,"unique":"yes"}'))

    assert (reply.rxid, reply.unique) == (None, None)


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (200, b'{"error":{"message":"invalid token","code":5}}', Refused, "error 5.*invalid token"),
        (200, b'{"response":"ok","error":"quota"}', Rejected, "did not take it: quota"),
        (200, b'{"error":{}}', Rejected, "did not take it"),
        (200, b'{"error":null}', Rejected, "did not take it"),
        (200, b'{"response":"no"}', Rejected, "response"),
        (200, b'["ok"]', Rejected, "not Backtrace's"),
        (200, b"5f6e7d8c-crash-id", Rejected, "5f6e7d8c-crash-id"),
        (200, b"", Rejected, "an empty reply"),
        (200, b"<html>" + b"x" * 1000, Rejected, "…"),
        (200, b"[" * 100000, Rejected, "not Backtrace's"),
        (201, b"", Rejected, "201.*Crashpad on Linux"),
        (302, b"", Rejected, "redirects to another path"),
        (400, b"", Rejected, "HTTP 400"),
        (401, b"", Refused, "HTTP 401"),
        (403, b"Invalid Token", Refused, "Invalid Token"),
        (404, b"", Rejected, "HTTP 404"),
        (413, b"", Rejected, "HTTP 413"),
        (418, b"", Rejected, "HTTP 418"),
        (429, b"", Rejected, "limit for reports"),
        (500, b"oops", NetworkFailure, "failed .HTTP 500.: oops"),
        (503, b"", NetworkFailure, "HTTP 503"),
        (503, b"Invalid Subdomain", Rejected, "universe or format"),
        (503, b"missing format", Rejected, "universe or format"),
    ],
)
def test_every_no_has_its_class(status, body, error, words):
    with pytest.raises(error, match=words) as caught:
        read_reply(response(status, body))
    assert type(caught.value) is error


def test_a_redirect_names_the_host_and_nothing_more():
    with pytest.raises(Rejected, match=r"redirects to other\.example ") as caught:
        read_reply(response(301, location="https://me:pw@other.example/u/secret/minidump"))
    assert "secret" not in caught.value.what
    assert "pw@" not in caught.value.what


def test_a_redirect_to_nonsense_is_still_a_redirect():
    with pytest.raises(Rejected, match="not a URL"):
        read_reply(response(301, location="http://[x"))


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_outages_are_temporary(status):
    assert is_temporary(response(status))


@pytest.mark.parametrize("status", [200, 301, 400, 403, 413, 500, 501])
def test_other_answers_are_final(status):
    assert not is_temporary(response(status))


def test_a_503_that_blames_the_url_is_final():
    assert not is_temporary(response(503, b'{"error":"Invalid Subdomain"}'))
