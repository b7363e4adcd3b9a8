"""Other tokens and another order for the same descriptors; right or wrong, nobody looks at that here."""

from __future__ import annotations

import random
from dataclasses import replace

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.errors import StreamError
from hwacc.parts import parts
from hwacc.stream import Stream
from hwacc.verifier import verify

ENGINES = (isa.Engine.LOAD, isa.Engine.COMPUTE, isa.Engine.STORE)


def tokens_of(stream: Stream, producer: isa.Engine, consumer: isa.Engine) -> tuple[list[int], list[int]]:
    """For each token, the descriptor that pushes it, and for each one, the descriptor that takes it; in order."""
    signal, wait = f"signal_{consumer.name.lower()}", f"wait_{producer.name.lower()}"
    pushed = [i for i, d in enumerate(stream.descriptors) if d.op.engine is producer for part in parts(d) if part[signal]]
    taken = [i for i, d in enumerate(stream.descriptors) if d.op.engine is consumer for part in parts(d) if part[wait]]
    return pushed, taken


def accepted(stream: Stream, config: ArrayConfig) -> bool:
    """Whether the verifier lets ``stream`` pass."""
    try:
        verify(stream, config)
    except StreamError:
        return False
    return True


def reshaped(config: ArrayConfig, rng: random.Random, stream: Stream, edits: int) -> Stream:
    """``stream`` after several random :func:`edited`, of which those are kept that the verifier accepts."""
    for _ in range(edits):
        candidate = edited(rng, stream)
        if candidate is not None and accepted(candidate, config):
            stream = candidate
    return stream


def edited(rng: random.Random, stream: Stream) -> Stream | None:
    """``stream`` with a token more, a token less, tokens from each iteration of a LOAD or from its end alone, or two neighbours
    exchanged; None where the draw has no place for that."""
    return rng.choice((_with_token, _without_token, _with_each, _without_each, _exchanged))(rng, stream)


def _with_token(rng: random.Random, stream: Stream) -> Stream | None:
    producer, consumer = rng.sample(ENGINES, 2)
    return _toggled(rng, stream, producer, consumer, 0)


def _without_token(rng: random.Random, stream: Stream) -> Stream | None:
    producer, consumer = rng.sample(ENGINES, 2)
    return _toggled(rng, stream, producer, consumer, 1)


def _toggled(rng: random.Random, stream: Stream, producer: isa.Engine, consumer: isa.Engine, now: int) -> Stream | None:
    """A ``signal`` of ``producer`` and a later ``wait`` of ``consumer``, both of which are ``now``, become the opposite."""
    signal, wait = f"signal_{consumer.name.lower()}", f"wait_{producer.name.lower()}"
    signals = [i for i, d in enumerate(stream.descriptors) if d.op.engine is producer and d[signal] == now]
    if not signals:
        return None
    first = rng.choice(signals)
    waits = [i for i, d in enumerate(stream.descriptors) if i > first and d.op.engine is consumer and d[wait] == now]
    if not waits:
        return None
    second = rng.choice(waits)
    descriptors = list(stream.descriptors)
    descriptors[first] = descriptors[first].replace(**{signal: 1 - now})
    descriptors[second] = descriptors[second].replace(**{wait: 1 - now})
    return replace(stream, descriptors=tuple(descriptors))


def _with_each(rng: random.Random, stream: Stream) -> Stream | None:
    """A LOAD signals after each iteration, and as many later descriptors take its tokens."""
    return _each_toggled(rng, stream, 0)


def _without_each(rng: random.Random, stream: Stream) -> Stream | None:
    return _each_toggled(rng, stream, 1)


def _each_toggled(rng: random.Random, stream: Stream, now: int) -> Stream | None:
    """The ``signal_each``, which is ``now``, of a LOAD with several iterations and one consumer becomes the opposite; so does the
    ``wait_load`` of as many consumers after it as there are tokens more or less."""
    loads = [i for i, d in enumerate(stream.descriptors) if d.op is isa.LOAD and d["signal_each"] == now and d["count4"] > 1]
    loads = [i for i in loads if stream.descriptors[i]["signal_compute"] != stream.descriptors[i]["signal_store"]]
    if not loads:
        return None
    first = rng.choice(loads)
    load = stream.descriptors[first]
    consumer = isa.COMPUTE if load["signal_compute"] else isa.STORE
    others = [i for i, d in enumerate(stream.descriptors) if i > first and d.op is consumer and d["wait_load"] == now]
    more = load["count4"] - 1
    if len(others) < more:
        return None
    descriptors = list(stream.descriptors)
    descriptors[first] = load.replace(signal_each=1 - now)
    for index in rng.sample(others, more):
        descriptors[index] = descriptors[index].replace(wait_load=1 - now)
    return replace(stream, descriptors=tuple(descriptors))


def _exchanged(rng: random.Random, stream: Stream) -> Stream | None:
    """Two neighbours in the stream change places."""
    if len(stream.descriptors) < 2:
        return None
    first = rng.randrange(len(stream.descriptors) - 1)
    order = list(range(len(stream.descriptors)))
    order[first], order[first + 1] = order[first + 1], order[first]
    return replace(
        stream,
        descriptors=tuple(stream.descriptors[i] for i in order),
        relocations=tuple(stream.relocations[i] for i in order),
    )
