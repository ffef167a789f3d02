"""Venues behind the Broker and Quotes ports. Begin with `simulated.py`."""
