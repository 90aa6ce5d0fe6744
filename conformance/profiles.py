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
    fuzzing_s: float
    """Seconds after which fuzzing ends with what it has found."""
    whole_s: float
    """Seconds after which a run ends, whatever is left: no slow backend holds it for ever."""


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("quick", examples=8, payloads=8, fuzzing_s=5, whole_s=300),
        Profile("default", examples=60, payloads=40, fuzzing_s=30, whole_s=900),
        Profile("thorough", examples=600, payloads=300, fuzzing_s=240, whole_s=3600),
    )
}
