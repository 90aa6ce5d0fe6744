"""How thorough a run is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """A named amount of work."""

    name: str
    examples: int
    """Generated requests per REST operation, beside those that cover the schema."""
    payloads: int
    """Generated payloads per event, beside those that cover the schema."""
    plays: int
    """Interleavings of many users that are compared with the model."""
    playing_s: float
    """Seconds after which no further one begins."""
    shortening_s: float
    """Seconds that making those short that fail may take."""
    fuzzing_s: float
    """Seconds after which fuzzing ends with what it has found."""
    whole_s: float
    """Seconds after which a run ends, whatever is left: no slow backend holds it for ever."""


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "quick",
            examples=8,
            payloads=8,
            plays=1,
            playing_s=10,
            shortening_s=10,
            fuzzing_s=5,
            whole_s=300,
        ),
        Profile(
            "default",
            examples=60,
            payloads=40,
            plays=8,
            playing_s=30,
            shortening_s=20,
            fuzzing_s=30,
            whole_s=900,
        ),
        Profile(
            "thorough",
            examples=600,
            payloads=300,
            plays=60,
            playing_s=120,
            shortening_s=60,
            fuzzing_s=240,
            whole_s=3600,
        ),
    )
}
