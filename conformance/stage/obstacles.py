"""What keeps a scenario, or fuzzing, from going on."""


class Blocked(Exception):
    """The scenario cannot go on: what it builds on does not work. `str` says what."""


class Avoided(Blocked):
    """The backend dies of what was to be sent, so it is not sent any more; `str` says of what."""
