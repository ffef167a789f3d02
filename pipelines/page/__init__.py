"""Dagster's web page, and the guard every request passes first. Begin with `rules.py`."""
