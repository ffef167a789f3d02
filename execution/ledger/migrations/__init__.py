"""Numbered changes of the ledger's tables, as scripts that both databases run; `migrating.py` reads and runs them."""
