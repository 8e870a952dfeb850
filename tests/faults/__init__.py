"""Calls of crashtool on a machine that refuses them one thing after the other."""
