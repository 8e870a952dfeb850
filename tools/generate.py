"""Writes what the code itself says: man pages, shell completions, the references in docs/.

With --check it writes nothing and fails when a file is not what the code says.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.cli_reference import render_reference  # noqa: E402 (the tree comes first)
from tools.completions import render_completions  # noqa: E402
from tools.cookbook import render_cookbook  # noqa: E402
from tools.doctor_reference import render_doctor_reference  # noqa: E402
from tools.json_reference import render_json_reference  # noqa: E402
from tools.man_pages import render_man_pages  # noqa: E402
from tools.settings_reference import render_settings_reference  # noqa: E402


def generated_files() -> dict[str, str]:
    """Every generated file: path relative to the project → text."""
    files = {
        "docs/cli.md": render_reference(),
        "docs/json.md": render_json_reference(),
        "docs/doctor.md": render_doctor_reference(),
        "docs/settings.md": render_settings_reference(),
        "docs/cookbook.md": render_cookbook(),
    }
    files |= {f"man/{name}": text for name, text in render_man_pages().items()}
    files |= {f"completions/{name}": text for name, text in render_completions().items()}
    return files


def main() -> int:
    """Write the files, or with --check compare them."""
    files = generated_files()
    stale = [name for name, text in files.items() if _read(ROOT / name) != text]
    known = {ROOT / name for name in files}
    orphans = [
        path.relative_to(ROOT).as_posix()
        for folder in ("man", "completions")
        for path in sorted((ROOT / folder).glob("*"))
        if path not in known
    ]
    if "--check" in sys.argv[1:]:
        for name in stale + orphans:
            print(f"stale: {name}; run `make generate`", file=sys.stderr)
        return 1 if stale or orphans else 0
    for name in stale:
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(files[name], encoding="utf-8", newline="\n")
        print(f"wrote {name}")
    for name in orphans:
        (ROOT / name).unlink()
        print(f"removed {name}")
    return 0


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
