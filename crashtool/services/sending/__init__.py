"""Sending crash reports: what is sent, by which request, and what is remembered of it."""
