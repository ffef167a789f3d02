"""A home's databases from its own files to Postgres and back: the ledger, proven on both sides, and the run history."""
