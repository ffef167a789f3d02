"""One trading session in three acts, each safe to repeat. Begin with `run_session.py`."""
