"""May this plan trade? Pure checks with verdicts. Begin with `pre_trade.py`."""
