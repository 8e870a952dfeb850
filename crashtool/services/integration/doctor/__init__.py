"""Checks of a Crashpad integration: what is wrong, what follows, what to type."""
