"""The nouns of trading: frozen values and the error tree. No input or output happens here. Begin with `signals.py`."""
