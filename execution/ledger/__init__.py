"""What happened, in order, tamper-evident. Stores append and read; `hash_chain` links; `book` gives meaning."""
