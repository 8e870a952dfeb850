"""A hostile web page in a real browser against a running inbox: nothing written, nothing read."""

import shutil
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from crashtool.services.receiver.app import start_receiver
from tests.services.receiver.conftest import wait_until
from tests.services.receiver.crashes import send_crash

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium"),
    pytest.mark.xdist_group("browser"),
    pytest.mark.toolchain,
]
TOKEN = "0123456789abcdef" * 4
SECRET = "the-secret-of-the-report"  # noqa: S105

# each gives what it could read, or null; `at` is the inbox, `id` a report's, which nobody told it
ATTEMPTS = {
    "fetch": "const r = await fetch(at + '/api/reports'); return await r.text();",
    "fetch with credentials": "const r = await fetch(at + '/api/reports',"
    " {credentials: 'include'}); return await r.text();",
    "fetch without cors": "const r = await fetch(at + '/api/reports', {mode: 'no-cors'});"
    " return (await r.text()) || null;",
    "xhr": "return await new Promise((yes, no) => { const x = new XMLHttpRequest();"
    " x.open('GET', at + '/'); x.onload = () => yes(x.responseText); x.onerror = no; x.send(); });",
    "image": "return await load('img', 'src', at + '/reports/' + id + '/files/1');",
    "script": "return await load('script', 'src', at + '/inbox.js');",
    "style": "return await load('link', 'href', at + '/inbox.css', {rel: 'stylesheet'});",
    "object": "return await load('object', 'data', at + '/api/reports');",
    "video": "return await load('video', 'src', at + '/reports/' + id + '/files/1');",
    "module": "return Object.keys(await import(at + '/inbox.js'));",
    "worker": "return await new Promise((yes, no) => { const w = new Worker(URL.createObjectURL("
    "new Blob([`try { importScripts('${at}/inbox.js'); postMessage('ran'); }"
    " catch (e) { postMessage(null); }`]))); w.onmessage = (e) => yes(e.data); w.onerror = no; });",
    "frame": "const f = document.createElement('iframe'); f.src = at + '/';"
    " await new Promise((yes) => { f.onload = yes; document.body.append(f); });"
    " return f.contentDocument && f.contentDocument.body.innerText || null;",
    "window": "const w = window.open(at + '/');"
    " try { await left(w); return w.document.body.innerText; } finally { w && w.close(); }",
    "events": "return await new Promise((yes, no) => {"
    " const s = new EventSource(at + '/api/events');"
    " s.onopen = () => yes('open'); s.onmessage = (e) => yes(e.data); s.onerror = no; });",
    "socket": "return await new Promise((yes, no) => {"
    " const s = new WebSocket(at.replace('http', 'ws') + '/api/events');"
    " s.onopen = () => yes('open'); s.onerror = no; });",
    "post a form": "const r = await fetch(at + '/u/t/minidump', {method: 'POST', body: dump()});"
    " return await r.text();",
    "post a form without cors": "const r = await fetch(at + '/u/t/minidump',"
    " {method: 'POST', mode: 'no-cors', body: dump()}); return (await r.text()) || null;",
    "post symbols": "const r = await fetch(at + '/post?format=symbols&token=t&upload_file=a.sym',"
    " {method: 'POST', mode: 'no-cors', body: 'MODULE Linux x86_64 0 a'});"
    " return (await r.text()) || null;",
    "post an attachment": "const r = await fetch(at + '/?object=' + id + '&attachment_name=a',"
    " {method: 'POST', mode: 'no-cors', body: 'x'}); return (await r.text()) || null;",
    "post an attachment by number": "const r = await fetch(at + '/?object=1&attachment_name=a',"
    " {method: 'POST', mode: 'no-cors', body: 'x'}); return (await r.text()) || null;",
    "post under a name": "const r = await fetch(at + '/u/t/minidump', {method: 'POST',"
    " headers: {'Idempotency-Key': 'x'}, body: 'MDMP'}); return await r.text();",
    "post gzip": "const r = await fetch(at + '/u/t/minidump', {method: 'POST', mode: 'no-cors',"
    " body: new Blob([new Uint8Array([31, 139, 8])])}); return (await r.text()) || null;",
    "beacon": "navigator.sendBeacon(at + '/u/t/minidump', dump()); await wait(200); return null;",
    "submit a form": "return await submit('multipart/form-data');",
    "submit text": "return await submit('text/plain');",
    "put": "const r = await fetch(at + '/u/t/minidump', {method: 'PUT', body: 'MDMP'});"
    " return await r.text();",
    "delete": "const r = await fetch(at + '/reports/' + id, {method: 'DELETE'});"
    " return await r.text();",
    "keepalive": "const r = await fetch(at + '/u/t/minidump', {method: 'POST', mode: 'no-cors',"
    " keepalive: true, body: 'MDMP'}); return (await r.text()) || null;",
}
LIBRARY = """
const wait = (ms) => new Promise((yes) => setTimeout(yes, ms));
async function left(w) {  // until then it shows an empty page of the opener's own origin
  for (let tries = 0; tries < 1000 && w.location.href === "about:blank"; tries++) await wait(20);
}
function dump() {
  const form = new FormData();
  form.append("upload_file_minidump", new Blob(["MDMP, forged"]), "x.dmp");
  return form;
}
function load(kind, name, address, more) {
  return new Promise((yes) => {
    const made = Object.assign(document.createElement(kind), more || {});
    made.onload = made.onloadedmetadata = () => yes("loaded");
    made.onerror = () => yes(null);
    made[name] = address;
    document.body.append(made);
    setTimeout(yes, 2000, null);
  });
}
async function submit(type) {
  const frame = document.createElement("iframe");
  frame.name = "hidden" + Math.random();
  document.body.append(frame);
  const form = document.createElement("form");
  Object.assign(form, {method: "POST", action: at + "/u/t/minidump", enctype: type,
                       target: frame.name});
  const field = Object.assign(document.createElement("textarea"), {name: "upload_file_minidump"});
  field.value = "MDMP, forged";
  form.append(field);
  document.body.append(form);
  const loaded = new Promise((yes) => { frame.onload = yes; });
  form.submit();
  await loaded;
  try { return frame.contentDocument.body.innerText || null; } catch (e) { return null; }
}
async function attempt(text) {
  try { return (await new Function("return (async () => {" + text + "})()")()) ?? null; }
  catch (e) { return null; }
}
"""


@contextmanager
def site():
    """The hostile page's own server, on another port of loopback: for browsers the same site."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>hostile</title><body>")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def browser():
    rules = "--host-resolver-rules=MAP evil.test 127.0.0.1"
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", rules])
        yield running
        running.close()


@pytest.fixture(params=[None, TOKEN], ids=["open", "with-token"])
def inbox(tmp_path, request):
    """An inbox with one report in it: (the receiver, its token, what it said after that)."""
    said = []
    with start_receiver(tmp_path, token=request.param, on_exchange=said.append) as receiver:
        send_crash(receiver, fields={"comment": SECRET})
        wait_until(lambda: said)
        said.clear()
        yield receiver, request.param, said


def picture(receiver):
    return [
        (row.rxid, row.headline, row.fields, row.query, [file.size for file in row.files])
        for row in receiver.inbox.reports()
    ]


def open_page(browser, token):
    """A page of a person who has opened the inbox before: the browser knows the password."""
    credentials = {"username": "me", "password": token} if token else None
    context = browser.new_context(http_credentials=credentials)
    context.set_default_timeout(30_000)
    return context, context.new_page()


@pytest.mark.parametrize("place", ["http://127.0.0.1", "http://localhost", "http://evil.test"])
def test_a_page_of_another_site_writes_nothing_and_reads_nothing(browser, inbox, place):
    receiver, token, said = inbox
    before = picture(receiver)
    context, page = open_page(browser, token)
    read = {}
    with site() as port:
        page.goto(f"{place}:{port}/")
        page.evaluate(
            f"{LIBRARY}; Object.assign(window, {{wait, left, dump, load, submit, attempt, "
            f"at: {receiver.url!r}, id: {before[0][0]!r}}})"
        )
        for name, text in ATTEMPTS.items():
            read[name] = page.evaluate("(text) => attempt(text)", text)
    context.close()

    assert {name: text for name, text in read.items() if text is not None} == {}
    assert picture(receiver) == before
    assert [row for row in said if row.report or row.status == 200] == []
    wait_until(lambda: sum(row.status == 403 for row in said) >= 8)  # they arrive, and are refused


def test_a_name_that_was_made_to_lead_here_is_of_no_use(browser, inbox):
    """DNS rebinding: for the browser the hostile page is of the inbox's own origin."""
    receiver, token, said = inbox
    before = picture(receiver)
    context, page = open_page(browser, token)
    port = receiver.url.rpartition(":")[2]
    answer = page.goto(f"http://evil.test:{port}/")
    assert answer.status == 421
    assert SECRET not in page.content()
    page.evaluate(f"{LIBRARY}; Object.assign(window, {{wait, left, dump, load, submit, attempt}})")
    for at in (f"http://evil.test:{port}", receiver.url):
        page.evaluate("([at, id]) => Object.assign(window, {at, id})", [at, before[0][0]])
        for name in ("fetch", "xhr", "events", "post a form", "post an attachment", "beacon"):
            text = page.evaluate("(text) => attempt(text)", ATTEMPTS[name])
            assert text is None or "this host name is not served" in text, name
    context.close()

    assert picture(receiver) == before
    assert [row for row in said if row.report or row.status == 200] == []


def test_the_inboxs_own_page_works_meanwhile(browser, inbox):
    receiver, token, _ = inbox
    context, page = open_page(browser, token)
    page.goto(receiver.url)
    page.locator("#live[data-state=open]").wait_for()
    send_crash(receiver, fields={"prod": "Second"})
    page.locator("a.row", has=page.locator(".count", has_text="2")).click()
    page.wait_for_url("**?group=*")
    assert page.locator("a.row").count() == 2
    context.close()
