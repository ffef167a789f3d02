"""Ledger and artifacts to pages that a person reads. Nothing here decides anything."""
