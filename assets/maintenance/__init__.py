"""Upkeep: backups and the drills that prove them, and retention. Nothing here decides a trade or sends an order."""
