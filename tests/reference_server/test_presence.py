from datetime import UTC, datetime

from reference_server.presence import Presence

NOW = datetime(2025, 11, 9, 18, tzinfo=UTC)


def test_only_the_first_connection_brings_a_user_and_only_the_last_takes_them_away() -> None:
    presence = Presence()
    assert presence.join("asha", "phone")
    assert not presence.join("asha", "laptop")
    assert not presence.leave("asha", "phone", NOW)
    assert presence.is_online("asha")
    assert presence.leave("asha", "laptop", NOW)
    assert not presence.is_online("asha")
    assert presence.last_seen("asha") == NOW


def test_a_connection_that_never_joined_takes_nobody_away() -> None:
    presence = Presence()
    presence.join("asha", "phone")
    assert not presence.leave("asha", "unknown", NOW)
    assert not presence.leave("ben", "phone", NOW)
    assert presence.is_online("asha")
    assert presence.last_seen("asha") is None
