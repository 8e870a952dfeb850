"""A symbol server on loopback: a store's files by path, and answers that a test wants instead."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


class SymbolServer:
    """`files` maps paths, without a slash in front, to bytes; `answers` maps them to functions.

    Such a function gets the request's handler and answers by itself. `asked` lists the paths of all
    requests, unquoted; `headers` their headers.
    """

    def __init__(self, files=None):
        self.files = dict(files or {})
        self.answers = {}
        self.asked = []
        self.headers = []
        self.every = None
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self.make_handler())
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def make_handler(server):  # noqa: N805 (the handler has a self of its own)
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path = unquote(self.path).lstrip("/")
                server.asked.append(path)
                server.headers.append({name.lower(): value for name, value in self.headers.items()})
                answer = server.every or server.answers.get(path)
                if answer:
                    answer(self)
                elif path in server.files:
                    send(self, server.files[path])
                else:
                    send(self, b"no such file", 404)

            def log_message(self, *arguments):
                pass

        return Handler

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join(20)


def send(handler, body=b"", status=200, **headers):
    """An answer; names of headers take - for _, and a Content_Length may lie."""
    handler.send_response(status)
    for name, value in ({"Content_Length": len(body)} | headers).items():
        handler.send_header(name.replace("_", "-"), str(value))
    handler.end_headers()
    handler.wfile.write(body)
    handler.close_connection = True


def status(code):
    """A function that answers with a status."""
    return lambda handler: send(handler, b"sorry", code)
