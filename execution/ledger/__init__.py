"""What happened, in order, tamper-evident. Stores append and read, `hash_chain` links, `book` gives meaning.

Nothing here decides a trade or talks to a venue. Begin with `book.py`; `export.py` and `explain.py` are the ways out.
"""
