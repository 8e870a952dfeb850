import asyncio
import json

import requests

from crashtool.services.receiver import events
from crashtool.services.receiver.app import start_receiver
from crashtool.services.receiver.events import Events
from crashtool.services.receiver.received_report import DumpPage
from tests.services.receiver.crashes import send_crash


def read_events(lines, count):
    """The next events of a stream: (kind, document)."""
    found, kind = [], ""
    for text in lines:
        if text.startswith("event: "):
            kind = text[7:]
        elif text.startswith("data: "):
            found.append((kind, json.loads(text[6:])))
            if len(found) == count:
                break
    return found


def test_a_report_is_told_when_it_arrives_and_when_it_has_been_read(tmp_path):
    shown = DumpPage("SIGSEGV in f", "text", "f | g")
    with (
        start_receiver(tmp_path, read_dump=lambda _path, _symbols: shown) as receiver,
        requests.get(receiver.url + "/api/events", stream=True, timeout=20) as stream,
    ):
        lines = stream.iter_lines(decode_unicode=True)
        assert next(lines) == "retry: 2000"
        rxid = send_crash(receiver)
        first, second = read_events(lines, 2)
    assert stream.headers["Content-Type"].startswith("text/event-stream")
    assert first == ("report", first[1] | {"rxid": rxid, "headline": "", "product": "Game"})
    assert second[1] | {"headline": "SIGSEGV in f", "group": "f | g"} == second[1]


def test_a_stream_ends_with_the_receiver(tmp_path):
    with start_receiver(tmp_path) as receiver:
        stream = requests.get(receiver.url + "/api/events", stream=True, timeout=20)
        lines = stream.iter_lines(decode_unicode=True)
        next(lines)
    assert [text for text in lines if text] == []


def test_one_listener_too_many_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(events, "MAX_LISTENERS", 1)
    with (
        start_receiver(tmp_path) as receiver,
        requests.get(receiver.url + "/api/events", stream=True, timeout=20) as first,
    ):
        lines = first.iter_lines()
        next(lines)
        second = requests.get(receiver.url + "/api/events", stream=True, timeout=20)
    assert second.status_code == 503
    assert "too many" in second.json()["error"]["message"]


def test_who_falls_behind_is_told_to_load_the_list_anew(monkeypatch):
    monkeypatch.setattr(events, "MAX_WAITING", 2)

    async def run():
        hub = Events()
        hub.attach(asyncio.get_running_loop())
        stream = hub.listen()
        received = [await anext(stream)]
        for number in range(5):
            hub.tell("report", {"n": number})
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        hub.close()
        return received + [message async for message in stream]

    messages = asyncio.run(run())
    assert [message.split(b"\n")[0] for message in messages] == [
        b"retry: 2000",
        b"event: report",
        b"event: report",
        b"event: reload",
    ]


def test_a_quiet_stream_has_a_beat(monkeypatch):
    monkeypatch.setattr(events, "BEAT_SECONDS", 0.001)

    async def run():
        stream = Events().listen()
        received = [await anext(stream), await anext(stream)]
        await stream.aclose()
        return received

    assert asyncio.run(run())[1].startswith(b":")


def test_nobody_listens_to_a_hub_without_a_loop():
    hub = Events()
    hub.tell("report", {})

    assert (hub.is_full, hub._queues) == (False, set())
