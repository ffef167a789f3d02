"""Triggers: facts in, run requests out. Rules are pure functions; begin with `rules.py`."""
