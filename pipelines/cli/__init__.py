"""Operator commands: one verb table in `main.py`; a file of its own only where a verb has a body."""
