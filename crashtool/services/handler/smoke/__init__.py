"""Proof that a crash under a real handler arrives."""
