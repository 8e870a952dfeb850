"""Sending over HTTP: the session, retries, submissions."""
