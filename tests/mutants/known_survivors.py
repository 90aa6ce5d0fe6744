"""Mutants that the suite is known not to catch, each with the reason."""

from collections.abc import Mapping

KNOWN_SURVIVORS: Mapping[str, str] = {}
"""By name. An entry that no longer holds fails the test, as does a survivor that has none."""
