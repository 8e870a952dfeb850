"""Files sent past the event loop: to clients that take them, that are slow, and that go away."""

import asyncio
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from crashtool.services.receiver import file_stream
from crashtool.services.receiver.file_stream import FileStream

SIZE = 8 << 20


@pytest.fixture
def content():
    return os.urandom(SIZE)


@pytest.fixture
def threads():
    with ThreadPoolExecutor(1) as made:
        yield made


def send(content, tmp_path, threads, take, *, size=SIZE, is_closing=lambda: False):
    """Send a file to what `take(the client's socket, the task that sends)` does; the answer."""
    path = tmp_path / "file"
    path.write_bytes(content)

    async def run():
        wire, client = socket.socketpair()
        with wire, client, path.open("rb", buffering=0) as file:
            wire.setblocking(False)
            client.setblocking(False)
            stream = FileStream(wire, file, size)
            sending = asyncio.create_task(stream.send_all(threads, is_closing))
            await take(client, sending)
            return await sending

    return asyncio.run(run())


async def take_some(client, size):
    """At most `size` bytes of what comes."""
    loop, taken = asyncio.get_running_loop(), b""
    while len(taken) < size and (block := await loop.sock_recv(client, size - len(taken))):
        taken += block
    return taken


def test_all_of_a_file_comes_over_many_turns(content, tmp_path, threads, monkeypatch):
    monkeypatch.setattr(file_stream, "TURN", 1e-6)  # about a block
    taken = []

    async def take(client, _sending):
        taken.append(await take_some(client, SIZE))

    assert send(content, tmp_path, threads, take)
    assert taken == [content]


def test_a_client_that_takes_nothing_keeps_no_thread(content, tmp_path, threads):
    async def take(client, sending):
        await take_some(client, 1)
        # One thread: another piece of work ends, so the stalled client has given it back.
        await asyncio.get_running_loop().run_in_executor(threads, int)
        assert not sending.done()
        await take_some(client, SIZE - 1)

    assert send(content, tmp_path, threads, take)


def test_a_client_that_goes_away_ends_it(content, tmp_path, threads):
    async def take(client, _sending):
        await take_some(client, 1)
        client.close()

    assert not send(content, tmp_path, threads, take)


def test_a_client_that_takes_nothing_for_long_is_given_up(content, tmp_path, threads, monkeypatch):
    monkeypatch.setattr(file_stream, "SILENCE", 0.01)

    async def take(_client, sending):
        await asyncio.wait([sending])

    assert not send(content, tmp_path, threads, take)


def test_a_file_that_has_become_shorter_is_not_whole(content, tmp_path, threads):
    async def take(client, _sending):
        await take_some(client, SIZE)

    assert not send(content, tmp_path, threads, take, size=SIZE + 1)


def test_a_connection_that_is_closed_meanwhile_gets_no_more(content, tmp_path, threads):
    async def take(_client, sending):
        await asyncio.wait([sending])

    assert not send(content, tmp_path, threads, take, is_closing=lambda: True)


def test_when_it_is_cancelled_no_thread_is_at_it_any_more(content, tmp_path, threads, monkeypatch):
    monkeypatch.setattr(file_stream, "PATIENCE", 600.0)  # the thread waits for the client
    taken = bytearray()

    async def take_all(client):
        while True:
            taken.extend(await asyncio.get_running_loop().sock_recv(client, 1 << 16))

    async def take(client, sending):
        await take_some(client, SIZE // 2)
        sending.cancel()
        taking = asyncio.create_task(take_all(client))  # which wakes the thread
        with suppress(asyncio.CancelledError):
            await sending
        taking.cancel()
        with suppress(BlockingIOError):
            while block := client.recv(1 << 16):
                taken.extend(block)

    with pytest.raises(asyncio.CancelledError):
        send(content, tmp_path, threads, take)
    assert len(taken) < SIZE // 4
