"""Has crashtool's own worker processes be forks, which do the same work without a new interpreter.

crashtool starts them as `python -P -m MODULE`. Here the fork that would become that interpreter
runs the module itself, its pipes and its environment being those of the worker: a fault can be put
into it as into the call, and it costs a hundredth of the time.
"""

import importlib
import os
import runpy
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any

OWN = [sys.executable, "-P", "-m"]
MAX_DESCRIPTORS = 4096


def fork_workers(
    seconds: int, enter: Callable[[str], None] = str, keep: tuple[int, ...] = ()
) -> None:
    """From now on. `enter` is called in each with its module; descriptors in `keep` stay open.

    A worker ends by SIGALRM after so many seconds.
    """
    start = subprocess.Popen.__init__

    def begin(self: Any, arguments: Any, *rest: Any, **more: Any) -> None:
        if list(arguments[:3]) == OWN:
            module, environment = arguments[3], more.get("env")

            def work() -> None:
                signal.alarm(seconds)
                enter(module)
                _do(module, environment, keep)

            more["preexec_fn"] = work
        start(self, arguments, *rest, **more)

    subprocess.Popen.__init__ = begin  # type: ignore[method-assign]


def _do(module: str, environment: Mapping[str, str] | None, keep: tuple[int, ...]) -> None:
    status = 1
    try:
        _close_all_but((0, 1, 2, *keep))
        _forget_half_imported()
        if environment is not None:
            os.environ.clear()
            os.environ.update(environment)
        warnings.simplefilter("ignore")  # runpy's, that the module is there already
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        sys.argv = [module]
        runpy.run_module(module, run_name="__main__")
        status = 0
        sys.stdout.flush()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 (this process must not come back)
        import traceback

        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)


def _forget_half_imported() -> None:
    """What another thread was importing when this process was made: nobody will end that here."""
    bootstrap: Any = importlib._bootstrap  # type: ignore[attr-defined]
    for locks in ("_module_locks", "_blocking_on"):
        getattr(bootstrap, locks, {}).clear()
    for name, module in list(sys.modules.items()):
        if getattr(getattr(module, "__spec__", None), "_initializing", False):
            del sys.modules[name]


def _close_all_but(kept: tuple[int, ...]) -> None:
    """The pipe by which the one who started this process waits for its `exec` among them."""
    for descriptor in range(3, MAX_DESCRIPTORS):
        if descriptor not in kept:
            try:
                os.close(descriptor)
            except OSError:
                continue
