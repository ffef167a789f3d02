"""What became of models and scores: live judgement, drift, the account, the hold-out. Nothing here makes a score."""
