"""Raw to feature vectors: the dbt bridge, and what SQL cannot do byte for byte. Begin with `defs.py`."""
