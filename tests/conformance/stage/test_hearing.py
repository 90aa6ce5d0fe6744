"""What was heard in a run is remembered by all who play in it."""

from conformance.stage.hearing import Memory


def test_who_looks_at_what_was_heard_is_not_disturbed_by_who_hears_more():
    memory = Memory()
    memory.note_undocumented("one")
    before = iter(memory.undocumented_events)
    memory.note_undocumented("two", "three")
    assert list(before) == ["one"]
    assert memory.undocumented_events == {"one", "two", "three"}


def test_a_part_of_a_world_shares_its_memory_and_hears_for_itself(stage):
    world = stage.world
    part = world.part(world.target.users[:2])
    part.memory.note_undocumented("odd")
    part.memory.note_pair({"sender": world.actors[0].id, "recipient": world.actors[1].id})
    assert world.memory.undocumented_events == {"odd"}
    assert world.memory.have_written(world.actors[0], world.actors[1])
    assert part.hearing is not world.hearing
    part.close()
