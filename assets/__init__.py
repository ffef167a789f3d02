"""Data and learning: each area has pure modules and exactly one `defs.py`, its Dagster face.

Only faces import dagster. Begin with `keys.py` (what exists), then `schemas.py` (what a row is).
"""
