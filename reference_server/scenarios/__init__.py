"""Scenarios: files of timed steps that the users of a running server take."""
