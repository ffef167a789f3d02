"""Sets of features a user may switch on: one file a set, found by its name `SET`. Begin with `alpha158.py`."""
