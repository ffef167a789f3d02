"""Trading and nothing else, in plain Python: values, guards, ledger, venues and the session that joins them.

Nothing here knows the orchestrator, the warehouse or a frame. Begin with `session/run_session.py`.
"""
