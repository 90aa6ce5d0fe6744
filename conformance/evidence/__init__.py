"""What happened, kept for people: steps, reproducers, the journal; without secrets."""
