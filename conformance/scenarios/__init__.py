"""What fuzzing cannot know: several users, both protocols, order and time.

Each scenario is a pytest test that takes `stage` and names what it judges:

    @requirement("SEND-01", "SEND-05")
    def test_a_text_is_stored(stage: Stage) -> None: ...
"""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
"""Where the scenarios are; pytest collects them from there."""


def requirement(*ids: str) -> pytest.MarkDecorator:
    """Names the requirements a scenario judges. One that it did not reach becomes untestable."""
    return pytest.mark.requirement(*ids)


undisturbed = pytest.mark.undisturbed
"""Marks a scenario during which nobody else plays: something has to happen at one moment in it, as
in a race, or it sends what may kill the backend, and it has to be certain what did.
"""
