"""A search over the learner's settings: bounded, by seed, and every choice it tries is counted against the best."""
