"""Learning and scoring, in reading order: dataset, walk_forward, train, model_registry, signal_batch."""
