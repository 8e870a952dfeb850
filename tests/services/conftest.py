"""Fixtures for what talks to a receiver."""

import pytest

from tests.synth.minidump import MinidumpBuilder
from tests.synth.scripted_server import ScriptedServer, StoppedClock
from tests.synth.submission import make_crashpad


@pytest.fixture
def serve():
    servers = []

    def start(*script, context=None):
        servers.append(ScriptedServer(script, context))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def stopped():
    return StoppedClock()


@pytest.fixture
def dump_path(tmp_path):
    """A crash of a Crashpad client, with annotations of every kind."""
    path = tmp_path / "crash.dmp"
    builder = (
        MinidumpBuilder().add_system().add_misc(5).add_thread(7).add_module("/bin/app", 4096, 64)
    )
    path.write_bytes(builder.set_exception(7, 11).set_crashpad(make_crashpad()).pack())
    return path
