"""Mutants that the suite is known not to catch, each with the reason."""

from collections.abc import Mapping

KNOWN_SURVIVORS: Mapping[str, str] = {}
"""By name. An entry that is caught after all fails the run, as does a survivor that has none."""
