"""The data gate: blocking checks and the certificate they earn. Begin with `gate.py`."""
