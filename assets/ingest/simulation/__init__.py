"""The parts of the synthetic market: companies, earnings dates, price paths, headlines, filings, calendar.

All numbers come from one seed through `draws.py`, in blocks of sessions, and nothing looks ahead: the market up to a
session is the same whatever last session is asked for. Begin with `price_paths.py`.
"""
