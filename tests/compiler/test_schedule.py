"""Tokens and order that follow from dependencies, and places in the on-chip buffers."""

from __future__ import annotations

from hwacc import isa
from hwacc.compiler.emit.residency import Held, Residency
from hwacc.compiler.emit.schedule import Schedule
from hwacc.config import TINY


def tokens(descriptor: isa.Descriptor) -> set[str]:
    return {name for name, value in descriptor.values.items() if value and name.startswith(("wait_", "signal_"))}


def load(schedule: Schedule, address: int, after: list[int | None] | None = None) -> int:
    return schedule.add(isa.LOAD, lambda: {"run": 8, "address": address}, cycles=10, slot=0, after=after or [])


def compute(schedule: Schedule, after: list[int | None]) -> int:
    return schedule.add(isa.COMPUTE, lambda: {"m": 1, "n": 1, "k": 1}, cycles=10, after=after)


def test_a_dependency_is_one_token() -> None:
    schedule = Schedule(TINY)
    compute(schedule, [load(schedule, 0)])
    (first, _), (second, _) = schedule.finished()
    assert (tokens(first), tokens(second)) == ({"signal_compute"}, {"wait_load"})


def test_of_several_loads_only_the_last_one_signals() -> None:
    schedule = Schedule(TINY)
    compute(schedule, [load(schedule, address) for address in range(3)])
    assert [tokens(descriptor) for descriptor, _ in schedule.finished()] == [set(), set(), {"signal_compute"}, {"wait_load"}]


def test_what_an_earlier_one_has_waited_for_needs_no_second_token() -> None:
    schedule = Schedule(TINY)
    first, second = load(schedule, 0), load(schedule, 1)
    compute(schedule, [second])
    compute(schedule, [first])
    assert sorted(map(sorted, (tokens(descriptor) for descriptor, _ in schedule.finished()))) == [[], [], ["signal_compute"], ["wait_load"]]


def test_engines_wait_for_themselves_without_tokens() -> None:
    schedule = Schedule(TINY)
    load(schedule, 1, after=[load(schedule, 0), None])
    assert [tokens(descriptor) for descriptor, _ in schedule.finished()] == [set(), set()]


def test_the_stream_is_ordered_by_expected_start() -> None:
    """The third load needs the first compute, so it comes after it, and the second does not."""
    schedule = Schedule(TINY)
    number = compute(schedule, [load(schedule, 0)])
    load(schedule, 1)
    load(schedule, 2, after=[number])
    names = [descriptor.op.name + str(descriptor.values.get("address", "")) for descriptor, _ in schedule.finished()]
    assert names == ["LOAD0", "LOAD1", "COMPUTE", "LOAD2"]


def test_a_compute_comes_after_a_load_of_which_only_the_first_part_is_for_it() -> None:
    """The LOAD's second part is for the next COMPUTE, and was asked for after the first COMPUTE was complete."""
    schedule = Schedule(TINY)

    def part(number: int, addend: isa.Addend, *, loads_join: bool = False) -> None:
        place = 8 * number
        brought = schedule.add(isa.LOAD, lambda: {"run": 8, "address": place, "local": place}, cycles=100, slot=0, joins=loads_join)
        values = {"m": 1, "n": 1, "k": 8, "west": place, "addend": addend}
        schedule.add(isa.COMPUTE, lambda: values, cycles=10, after=[brought], joins=addend == isa.Addend.ACCUMULATE)

    part(0, isa.Addend.NONE)
    part(1, isa.Addend.ACCUMULATE)
    part(2, isa.Addend.ACCUMULATE)
    part(3, isa.Addend.NONE, loads_join=True)
    descriptors = [descriptor for descriptor, _ in schedule.finished()]
    assert [descriptor.op.name for descriptor in descriptors] == ["LOAD", "LOAD", "LOAD", "COMPUTE", "COMPUTE"]
    assert [descriptor["signal_each"] for descriptor in descriptors[:3]] == [0, 0, 1] and descriptors[3]["k_step"] == 8


def test_units_that_fit_together_have_places_of_their_own() -> None:
    residency = Residency({(0, 0): 5, (0, 1): 2, (1, 0): 3}, 10, first_word=100)
    assert [residency.place(unit).place for unit in ((1, 0), (0, 0), (0, 1), (1, 0))] == [107, 100, 105, 107]


def test_units_follow_one_another_around_the_buffer_and_name_the_last_reader_of_what_made_room() -> None:
    residency = Residency({(0, 0): 4, (1, 0): 3, (2, 0): 4, (3, 0): 6}, 11, first_word=100)
    held = [residency.place((i, 0)) for i in range(3)]
    assert [unit.place for unit in held] == [100, 104, 107] and not residency.stays
    for number, unit in enumerate(held):
        unit.loaded, unit.reader = number, 10 + number
    assert residency.place((1, 0)) is held[1]
    assert residency.place((3, 0)) == Held(100, before=11)  # in place of two of them
    assert residency.place((0, 0)) == Held(106, before=12)


def test_a_unit_that_nobody_read_hands_on_who_read_the_place_before() -> None:
    residency = Residency({(i, 0): 4 for i in range(4)}, 4)
    residency.place((0, 0)).reader = 7
    residency.place((1, 0))
    assert residency.place((2, 0)).before == 7
