"""The receiver against its own OpenAPI document, by a tool that makes up requests."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.services.receiver.crashes import send_crash

# Backtrace answers 503 where no format is given. What a body must hold to be taken is more than a
# schema can say. Fields of a form may be anything: they are annotations.
CONFIGURATION = """
[checks]
not_a_server_error.expected-statuses = ["2xx", "4xx", "503"]
positive_data_acceptance.enabled = false
negative_data_rejection.enabled = false
"""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("schemathesis") is None, reason="needs schemathesis")
def test_every_answer_is_what_the_document_says(receiver, tmp_path):
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    send_crash(receiver)
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "run",
            f"{receiver.url}/api/openapi.json", "--max-examples", "60", "--no-color",
            "--exclude-path", "/api/events", "--suppress-health-check", "all",
        ],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    assert send_crash(receiver)  # and it still serves
