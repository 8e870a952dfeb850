"""Bytes to values and back, text to values and back; no network, clock, environment or printing."""
