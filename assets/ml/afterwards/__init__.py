"""What became of models and scores: live judgement, drift, the sealed hold-out. Nothing here makes a score."""
