"""What a machine has against a call from its start: for `Call.setup`, run in the fork."""

import subprocess
from typing import Any


def refuse_processes() -> None:
    """No process can be started."""

    def refuse(*_: Any, **__: Any) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    subprocess.Popen = refuse  # type: ignore[assignment,misc]
