import gzip
import os
import shutil
import socket
import ssl
import subprocess
import threading
from types import SimpleNamespace

import pytest
import requests

from crashtool import __version__
from crashtool.errors import BadUrl, InputUnusable, NetworkFailure, Rejected, UsageError
from crashtool.services.transport import http, trust
from crashtool.services.transport.failure import explain_failure
from crashtool.services.transport.http import (
    AT_ONCE,
    MAX_REPLY,
    HttpSession,
)
from crashtool.services.transport.reply import read_reply
from crashtool.services.transport.trust import find_ca_bundle, open_system_store
from tests.synth.scripted_server import OK, answer, read_request, reset


class Blocks:
    def __init__(self, blocks, size=None):
        self.blocks = blocks
        self.size = size

    def __iter__(self):
        return iter(self.blocks)


def post(url, body=b"x", **options):
    with HttpSession(**options) as session:
        return session.post(url, body, {"Content-Type": "text/plain"})


def test_a_body_of_known_size_is_sent_with_its_length(serve):
    server = serve()

    response = post(server.url + "/p?q=1", Blocks([b"abc", b"def"], 6))

    assert response.status == 200
    assert b"ok" in response.body
    (request,) = server.received
    assert request.line == "POST /p?q=1 HTTP/1.1"
    assert request.headers["content-length"] == "6"
    assert "transfer-encoding" not in request.headers
    assert request.raw == b"abcdef"
    assert request.headers["user-agent"] == f"crashtool/{__version__}"
    assert "expect" not in request.headers


def test_a_body_of_unknown_size_is_sent_in_chunks(serve):
    server = serve()

    post(server.url, Blocks([b"abc" * AT_ONCE, b"", b"def"]))

    assert server.received[0].headers["transfer-encoding"] == "chunked"
    assert server.received[0].raw == b"abc" * AT_ONCE + b"def"


def test_a_small_body_is_sent_with_its_length_though_nobody_knew_it(serve):
    server = serve()

    post(server.url, Blocks([b"abc", b"", b"def"]))

    assert server.received[0].headers["content-length"] == "6"
    assert "transfer-encoding" not in server.received[0].headers
    assert server.received[0].raw == b"abcdef"


def test_get_and_put_go_the_same_way(serve):
    server = serve()
    with HttpSession() as session:
        assert session.get(server.url, {"X-Test": "1"}).status == 200
        assert session.put(server.url, b"body").status == 200

    assert [request.line for request in server.received] == ["GET / HTTP/1.1", "PUT / HTTP/1.1"]
    assert server.received[0].headers["x-test"] == "1"
    assert server.received[1].raw == b"body"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(serve, status):
    elsewhere = serve()
    server = serve(answer(status, b"", Location=elsewhere.url + "/stolen"))

    response = post(server.url + "/token")

    assert response.status == status
    assert response.headers["location"].endswith("/stolen")
    assert elsewhere.received == []


@pytest.mark.parametrize("place", ["http://[::1/x", "http:\x96//x", "http://a:b/", "//", "\xff"])
def test_a_redirect_to_what_is_no_url_is_an_answer_like_others(serve, place):
    server = serve(answer(301, b"", Location=place).decode().encode("latin-1"))

    response = post(server.url)

    assert response.status == 301
    with pytest.raises(Rejected, match="redirects to"):
        read_reply(response)


def test_credentials_in_netrc_stay_there(serve, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server = serve()

    post(server.url)

    assert "authorization" not in server.received[0].headers


def test_a_proxy_from_the_environment_is_used(serve, monkeypatch):
    proxy = serve()
    monkeypatch.setenv("http_proxy", proxy.url)

    assert post("http://backtrace.invalid/p").status == 200
    assert proxy.received[0].line == "POST http://backtrace.invalid/p HTTP/1.1"


def test_a_broken_proxy_is_named_as_such(serve, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    with pytest.raises(NetworkFailure, match=r"proxy on the way to backtrace\.invalid") as caught:
        post("http://backtrace.invalid/p")
    assert "NO_PROXY" in caught.value.hint


def test_a_compressed_reply_is_unpacked(serve):
    server = serve(answer(200, gzip.compress(b'{"response":"ok"}'), Content_Encoding="gzip"))

    assert post(server.url).body == b'{"response":"ok"}'


def test_a_reply_that_is_not_what_its_encoding_says_is_a_failure(serve):
    server = serve(answer(200, b"not gzip", Content_Encoding="gzip"))

    with pytest.raises(NetworkFailure, match="could not be decompressed"):
        post(server.url)


def test_an_endless_reply_is_cut(serve):
    server = serve(answer(200, bytes(3 * MAX_REPLY)))

    assert len(post(server.url).body) == MAX_REPLY


def test_a_truncated_reply_is_a_failure(serve):
    server = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b'{"response":"ok"}')

    with pytest.raises(NetworkFailure, match="was cut short"):
        post(server.url)


def test_a_reset_connection_is_a_failure(serve):
    server = serve(reset)

    with pytest.raises(NetworkFailure, match="closed the connection before it answered"):
        post(server.url, Blocks([bytes(1 << 20)] * 8, 8 << 20))


def test_a_server_that_hangs_up_without_a_word_is_a_failure(serve):
    server = serve(b"")

    with pytest.raises(NetworkFailure, match="closed the connection before it answered"):
        post(server.url)


def test_a_refusal_that_comes_before_the_whole_body_was_read_is_heard(serve):
    def refuse(connection):
        connection.recv(1 << 16)
        connection.sendall(answer(413, b"too large"))
        connection.shutdown(socket.SHUT_WR)

    server = serve(refuse)

    response = post(server.url, Blocks([bytes(1 << 20)] * 64, 64 << 20))

    assert (response.status, response.body) == (413, b"too large")


def test_what_does_not_speak_http_is_said(serve):
    server = serve(b"SSH-2.0-OpenSSH_9.2\r\n")

    with pytest.raises(NetworkFailure, match="did not answer in HTTP"):
        post(server.url)


def test_tls_towards_a_plain_listener_is_said(serve):
    server = serve(lambda connection: answer() if connection.recv(1000) else None)

    with pytest.raises(NetworkFailure, match="does not speak TLS") as caught:
        post(server.url.replace("http:", "https:"))
    assert "6097" in caught.value.hint


def test_a_silent_server_is_given_up(serve):
    done = threading.Event()

    def stay_silent(connection):
        read_request(connection)
        done.wait(20)

    server = serve(stay_silent)

    with pytest.raises(NetworkFailure, match=r"was silent for 0\.2 s"):
        post(server.url, timeout=0.2)
    done.set()


def test_nobody_listening_is_said():
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]

    with pytest.raises(NetworkFailure, match=f"127.0.0.1:{port} refused the connection"):
        post(f"http://127.0.0.1:{port}/secret-token")


def test_an_unknown_name_is_said():
    with pytest.raises(NetworkFailure, match=r"backtrace\.invalid is not known to DNS") as caught:
        post("http://user:password@backtrace.invalid/secret-token")
    assert "secret-token" not in caught.value.what
    assert "password" not in caught.value.what


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nothing",
        "ftp://host/",
        "http://",
        "http://[::1",
        "http://h:x/",
        "http://h:99999/",
        "http://.h\0/",
        "http://" + "a" * 70 + ".b/",
    ],
)
def test_what_is_no_url_fails_a_check(url):
    with pytest.raises((BadUrl, NetworkFailure)):
        post(url)


def test_a_header_that_cannot_be_sent_is_no_crash():
    with HttpSession() as session, pytest.raises(BadUrl):
        session.get("http://127.0.0.1:1/", {"X-Name": "\N{SNOWMAN}"})


def test_a_failure_nobody_has_words_for_is_shown_as_it_is():
    error = explain_failure(requests.RequestException("something new"), "http://h/token", 1)

    assert error.what == "the connection to h failed: something new"
    error = explain_failure(requests.RequestException(), "http://h/token", 1)
    assert error.what == "the connection to h failed: RequestException"


@pytest.mark.parametrize("timeout", [0, -1])
def test_a_timeout_must_be_positive(timeout):
    with pytest.raises(UsageError, match="time-out"):
        HttpSession(timeout=timeout)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1, and its context for a server."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl")
    folder = tmp_path_factory.mktemp("tls")
    pem, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", key, "-out", pem],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    return pem, context


def test_a_self_signed_certificate_is_not_trusted(serve, certificate):
    server = serve(context=certificate[1])

    with pytest.raises(NetworkFailure, match="not signed by an authority trusted here") as caught:
        post(server.url)
    assert "--ca-bundle" in caught.value.hint
    assert server.received == []


def test_a_ca_bundle_makes_it_trusted(serve, certificate):
    assert post(serve(context=certificate[1]).url, ca_bundle=str(certificate[0])).status == 200


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_usual_variables_name_a_ca_bundle(serve, certificate, monkeypatch, variable):
    monkeypatch.setenv(variable, str(certificate[0]))

    assert post(serve(context=certificate[1]).url).status == 200


def test_insecure_asks_for_no_certificate(serve, certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))

    assert post(serve(context=certificate[1]).url, insecure=True).status == 200


def test_a_certificate_of_another_host_is_said(serve, certificate):
    server = serve(context=certificate[1])

    with pytest.raises(NetworkFailure, match="is for another host"):
        post(server.url.replace("127.0.0.1", "localhost"), ca_bundle=str(certificate[0]))


def test_windows_own_store_is_trusted_there(serve, certificate, monkeypatch):
    server = serve(context=certificate[1])
    with pytest.raises(NetworkFailure):
        post(server.url)

    load = ssl.SSLContext.load_default_certs

    def load_store(context, *arguments):  # a company's authority is in the store
        load(context, *arguments)
        context.load_verify_locations(certificate[0])

    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", load_store)
    with pytest.raises(NetworkFailure):
        post(server.url)
    monkeypatch.setattr(trust, "os", SimpleNamespace(name="nt", environ=os.environ, path=os.path))
    assert post(server.url).status == 200


def test_without_a_store_requests_own_certificates_are_trusted():
    assert (open_system_store() is None) == (os.name != "nt")


def test_a_ca_bundle_must_be_there_and_hold_certificates(tmp_path, monkeypatch):
    (tmp_path / "text.pem").write_text("hello")
    with pytest.raises(InputUnusable, match=r"gone\.pem \(from --ca-bundle\) does not exist"):
        find_ca_bundle(str(tmp_path / "gone.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "text.pem"))
    with pytest.raises(InputUnusable, match=r"from SSL_CERT_FILE\) cannot be used"):
        find_ca_bundle(None)


def test_a_folder_of_certificates_is_taken(tmp_path):
    assert find_ca_bundle(str(tmp_path)) == str(tmp_path)


def test_the_text_of_a_reply_is_never_an_error(serve):
    server = serve(answer(200, b"\xff\xfe"), answer(200, OK))

    assert post(server.url).text == "��"


def test_plain_http_reads_no_certificates(serve, monkeypatch):
    asked = []
    monkeypatch.setattr(http, "find_ca_bundle", asked.append)
    with HttpSession(url="http://127.0.0.1/") as session:
        session.post(serve().url, b"x")
    assert asked == []
    with HttpSession(url="https://127.0.0.1/"):
        assert asked == [None]


def test_a_session_for_plain_http_reads_certificates_when_it_comes_to_tls(serve, certificate):
    server = serve(context=certificate[1])
    with HttpSession(ca_bundle=str(certificate[0]), url="http://127.0.0.1/") as session:
        assert session.post(server.url, b"x").status == 200
    with HttpSession(url="http://127.0.0.1/") as session, pytest.raises(NetworkFailure):
        session.post(server.url, b"x")
