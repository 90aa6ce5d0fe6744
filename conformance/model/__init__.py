"""A model of what several users do with several devices, and what has to come of it (ALL-06)."""
