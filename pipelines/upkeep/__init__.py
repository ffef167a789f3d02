"""Upkeep of one home: its backups, the drill that restores them, and what leaves it when it is old."""
