"""Sources to raw tables; every row says when it was known. Begin with `prices.py`."""
