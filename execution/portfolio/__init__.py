"""Signals to trades: pure arithmetic. Begin with `construction.py`."""
