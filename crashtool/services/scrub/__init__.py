"""Scrubbing: overwrite what is nobody's business in a minidump, and keep what a walk needs."""
