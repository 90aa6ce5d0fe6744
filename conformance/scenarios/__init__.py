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
"""Marks a scenario in which something has to happen at one moment, such as a race: nobody plays at
the same time, whose work would come between.
"""
