"""Which request of the receiver goes where: GET to pages and files, POST to who takes reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from crashtool.services.receiver.events import Events
from crashtool.services.receiver.receive_submission import Submissions
from crashtool.services.receiver.responses import SentFile, make_response
from crashtool.services.receiver.site import HEADERS, PageReply, Site, is_own

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_SENDING = 4  # threads that send large files; a client that is slow holds none of them


def make_application(
    submissions: Submissions, site: Site, events: Events, transports: Mapping[Any, Any]
) -> Any:
    """The receiver as an ASGI application; `transports` are the connections by their clients."""
    from starlette.applications import Starlette

    def refuse(request: Request, _: Exception) -> Any:
        nothing = site.nothing(request.method, request.url.path)
        return make_response(site.show(nothing, request.headers))

    starlette = Starlette(
        routes=_make_routes(site, events, transports), exception_handlers={404: refuse, 405: refuse}
    )

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and not is_own(scope["path"]):
            await submissions(scope, receive, send)
        else:
            await starlette(scope, receive, send)

    return application


def _make_routes(site: Site, events: Events, transports: Mapping[Any, Any]) -> list[Any]:
    from starlette.responses import FileResponse, StreamingResponse
    from starlette.routing import Route

    senders = ThreadPoolExecutor(MAX_SENDING, "crashtool-sender")

    def give_symbols(request: Request) -> Any:
        reply = site.symbol_file(request.path_params["path"], request.headers)
        nothing = site.nothing(request.method, request.url.path)
        reply = reply or site.show(nothing, request.headers)
        response = make_response(reply, request.headers, request.method)
        is_whole = request.method == "GET" and "range" not in request.headers
        if is_whole and isinstance(response, FileResponse):
            return SentFile(response, transports, senders)
        return response

    async def listen(request: Request) -> Any:
        denied = site.deny(request.headers)
        if denied is None and events.is_full:
            denied = site.busy()
        if denied:
            return make_response(denied)
        return StreamingResponse(
            events.listen(), headers=HEADERS, media_type="text/event-stream; charset=utf-8"
        )

    events_route = Route("/api/events", listen)
    return [*_make_page_routes(site), events_route, Route("/{path:path}", give_symbols)]


def _make_page_routes(site: Site) -> list[Any]:
    from starlette.routing import Route

    def route(path: str, answer: Callable[[Request], PageReply]) -> Route:
        def endpoint(request: Request) -> Any:
            reply = site.deny(request.headers) or answer(request)
            return make_response(site.show(reply, request.headers))

        return Route(path, endpoint)

    def change(path: str, method: str, answer: Callable[[Request], PageReply]) -> Route:
        def endpoint(request: Request) -> Any:
            reply = site.deny_changing(request.headers) or answer(request)
            return make_response(site.show(reply, request.headers))

        return Route(path, endpoint, methods=[method])

    return [
        route("/", lambda request: site.inbox(request.query_params)),
        route("/inbox.css", lambda _: site.style()),
        route("/report.css", lambda _: site.report_style()),
        route("/inbox.js", lambda _: site.script()),
        route("/api/openapi.json", lambda _: site.openapi()),
        route("/api/reports", lambda request: site.api_reports(request.query_params)),
        route("/api/groups", lambda request: site.api_groups(request.query_params)),
        route("/api/related", lambda request: site.api_related(request.query_params)),
        route("/export/{name}", lambda r: site.export(r.path_params["name"], r.query_params)),
        route("/api/reports/{rxid}", lambda r: site.api_report(r.path_params["rxid"])),
        change("/api/reports/{rxid}", "DELETE", lambda r: site.api_delete(r.path_params["rxid"])),
        change("/reports/{rxid}/delete", "POST", lambda r: site.delete(r.path_params["rxid"])),
        change("/delete-group", "POST", lambda request: site.delete_group(request.query_params)),
        route("/reports/{rxid}", lambda request: site.report(request.path_params["rxid"])),
        route(
            "/reports/{rxid}/files/{number:int}",
            lambda r: site.file(r.path_params["rxid"], r.path_params["number"]),
        ),
    ]
