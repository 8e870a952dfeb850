"""Lets `python -m crashtool` stand for `crashtool`."""

from crashtool.cli import main

if __name__ == "__main__":
    main(prog_name="crashtool")
