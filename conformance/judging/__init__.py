"""From what was seen to a verdict: judgements, findings, outcomes, the baseline."""
