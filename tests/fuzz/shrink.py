"""A failing case made small: descriptors are dropped, fields and surroundings made plain, while it still fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.stream import Stream
from tests.fuzz.case import Case, Surroundings
from tests.fuzz.machines import defined_memory
from tests.fuzz.steps import Step, build, well_defined
from tests.fuzz.tokens import ENGINES, accepted, tokens_of

Fails = Callable[[Case], bool]


def shrink(case: Case, fails: Fails) -> Case:
    """The smallest case found that still fails, and whose streams are still valid."""

    def tried(candidate: Case) -> bool:
        return _valid(candidate) and fails(candidate)

    case = _first(_calmer(case), tried) or case
    while True:
        before = case
        for pick in range(-1, len(case.streams)):
            case = _without_descriptors(case, pick, tried)
        case = _without_empty(case)
        case = _plainer(case, tried)
        if case is before:
            return case


def _valid(case: Case) -> bool:
    if not all(accepted(stream, case.config) for stream in case.streams):
        return False
    well = well_defined(case.config, [d for stream in case.streams for d in stream.descriptors])
    return well and defined_memory(case, trials=(0,)) is not None


def _first(candidates: Iterator[Case], tried: Fails) -> Case | None:
    return next((candidate for candidate in candidates if tried(candidate)), None)


def _calmer(case: Case) -> Iterator[Case]:
    """The same with simpler surroundings, the simplest first."""
    calm = [Surroundings(), Surroundings(case.surroundings.latency), replace(case.surroundings, latency=1)]
    yield from (replace(case, surroundings=surroundings) for surroundings in calm if surroundings != case.surroundings)


def _stream(case: Case, pick: int) -> Stream | None:
    """Submission ``pick``; -1 is the invalid stream."""
    return case.intruder if pick < 0 else case.streams[pick]


def _with_stream(case: Case, pick: int, stream: Stream) -> Case:
    if pick < 0:
        return replace(case, intruder=stream)
    return case.with_streams([*case.streams[:pick], stream, *case.streams[pick + 1 :]])


def _without_empty(case: Case) -> Case:
    """Without submissions of no descriptors, as long as one is left."""
    kept = [stream for stream in case.streams if stream.descriptors] or list(case.streams[:1])
    return case if len(kept) == len(case.streams) else case.with_streams(kept)


def _without_descriptors(case: Case, pick: int, tried: Fails) -> Case:
    """Drops pieces of one stream, first halves, then ever smaller ones."""
    stream = _stream(case, pick)
    size = 0 if stream is None else len(stream.descriptors)
    while size and (stream := _stream(case, pick)) is not None:
        start = 0
        while start < len(stream.descriptors):
            dropped = range(start, min(start + size, len(stream.descriptors)))
            found = _first((_with_stream(case, pick, smaller) for smaller in without(case.config, stream, dropped)), tried)
            if found is None:
                start += size
            else:
                case = found
                stream = _stream(case, pick) or stream
        size //= 2
    return case


def without(config: ArrayConfig, stream: Stream, dropped: Sequence[int]) -> Iterator[Stream]:
    """``stream`` without some descriptors, and without the tokens that they exchange; then with the tokens that it needs made anew."""
    kept = [index for index in range(len(stream.descriptors)) if index not in dropped]
    descriptors = list(stream.descriptors)
    for producer, first, consumer, second in _matched(stream):
        if first in dropped or second in dropped:
            descriptors[first] = descriptors[first].replace(**{f"signal_{consumer.name.lower()}": 0})
            descriptors[second] = descriptors[second].replace(**{f"wait_{producer.name.lower()}": 0})
    relocations = tuple(stream.relocations[index] for index in kept)
    yield replace(stream, descriptors=tuple(descriptors[index] for index in kept), relocations=relocations)
    if all(stream.descriptors[index]["opcode"] in isa.OP_BY_CODE for index in kept):
        anew = build(config, [Step(stream.descriptors[index], stream.relocations[index], 10) for index in kept])
        if len(anew.descriptors) < len(stream.descriptors):  # some orders take a STORE more
            yield anew


def _matched(stream: Stream) -> Iterator[tuple[isa.Engine, int, isa.Engine, int]]:
    """Each token: its producer and the index of the descriptor that pushes it, its consumer and that of the one that takes it."""
    for producer in ENGINES:
        for consumer in ENGINES:
            yield from ((producer, first, consumer, second) for first, second in zip(*tokens_of(stream, producer, consumer)))


def _plainer(case: Case, tried: Fails) -> Case:
    """Gives fields of the valid streams their default, or halves them."""
    for pick, stream in enumerate(case.streams):
        for index, descriptor in enumerate(stream.descriptors):
            for field in descriptor.op.own_fields:
                found = _first(_with_field(case, pick, index, field), tried)
                case = found or case
    return case


def _with_field(case: Case, pick: int, index: int, field: isa.Field) -> Iterator[Case]:
    stream = case.streams[pick]
    descriptor = stream.descriptors[index]
    default = isa.describe(descriptor.op)[field.name]
    value = descriptor[field.name]
    for smaller in dict.fromkeys((default, 1, value // 2)):
        if abs(smaller) < abs(value):
            descriptors = list(stream.descriptors)
            descriptors[index] = descriptor.replace(**{field.name: smaller})
            yield _with_stream(case, pick, replace(stream, descriptors=tuple(descriptors)))
