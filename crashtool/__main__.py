"""Lets `python -m crashtool` stand for `crashtool`."""

from __future__ import annotations

from crashtool.cli import main

if __name__ == "__main__":
    main(prog_name="crashtool")
