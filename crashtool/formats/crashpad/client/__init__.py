"""Crashpad's client as programs are built with it: forks and dates, folders, libraries, flags."""
