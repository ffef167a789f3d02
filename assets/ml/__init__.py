"""Learning and scoring, in reading order: dataset, walk_forward, train, model_registry, rules, scoring, signal_batch.

Nothing here knows holdings, orders or money at risk; what trading may know leaves through the signal batch alone.
"""
