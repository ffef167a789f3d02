"""Trading as assets, so that lineage reaches the fills. Faces only: every decision is made in `execution.session`."""
