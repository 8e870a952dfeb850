"""Breakpad's .sym format: functions, lines and unwind rules as text."""
