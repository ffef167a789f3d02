"""Composition root: settings, two code locations, jobs, the command line. Begin with `jobs.py`."""
