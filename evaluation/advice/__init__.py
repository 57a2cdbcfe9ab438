"""What reviewers' verdicts say about thresholds."""
