"""Generators and the demo: run from the Makefile, not part of the package."""
