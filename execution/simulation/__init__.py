"""The deterministic crash simulator: the very acts of a session, driven through seeded faults by virtual processes."""
