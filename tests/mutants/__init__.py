"""Broken servers, one defect each, that show what the conformance suite notices.

`python -m tests.mutants` runs the suite against each and prints the score. A mutant is a patch of
the reference server that is applied in a process of its own; nothing of it is in the server.
"""
