"""All proofs, in groups, and for each group faults that must make one of them fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch

from amaranth.hdl import Fragment
from amaranth.lib.fifo import FIFOInterface, SyncFIFO, SyncFIFOBuffered

from hwacc.config import TINY, ArrayConfig
from hwacc.rtl.command import QUEUE_DEPTH
from hwacc.rtl.fetch import DescriptorFetch
from hwacc.rtl.load import LONGEST_BURST
from hwacc.rtl.top import Accelerator
from tests.formal import faults
from tests.formal.arbiter import ArbiterKeepsTheProtocol
from tests.formal.bursts import BurstsCoverRequests
from tests.formal.command import DescriptorsReachTheirEngine, RecordIsWritten
from tests.formal.deadlock import NeverAllBlocked, OldestHasItsTokens
from tests.formal.fetch import CONFIG as FETCH_CONFIG
from tests.formal.fetch import FetchHandsOutMemory, FetchLosesNothing
from tests.formal.fifo import FifoKeepsWords
from tests.formal.harness import Harness
from tests.formal.prove import Proof
from tests.formal.queue import QueueKeepsParts, QueueKeepsTokens
from tests.formal.read_window import WindowHolds
from tests.formal.registers import RegistersAnswer
from tests.formal.room import AnsweredWordsHaveRoom, TilesHaveRoom
from tests.formal.writes import WritesKeepOrder

FETCH_AHEAD = DescriptorFetch(FETCH_CONFIG).ahead
FIFO_WIDTH = 8
"""Bits of a word in the FIFOs' proofs. A FIFO does not look at its words, so what holds for these holds for wider ones."""
NARROW = ArrayConfig(rows=4, cols=4, bus_bytes=4, spm_bytes=16 * 1024, acc_bytes=4096, channels=64)
WIDE = ArrayConfig(rows=16, cols=16, bus_bytes=64)
TWO_BEATS = ArrayConfig(rows=4, cols=4, bus_bytes=8, spm_bytes=1024, acc_bytes=1024, channels=64)
"""An int32 word is two beats."""


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A fault in a module: ``proof`` must fail with ``sentence``."""

    fault: str
    proof: Proof
    sentence: str


def fifos_of(config: ArrayConfig) -> set[tuple[type[Any], int]]:
    """Kind and depth of every FIFO that the accelerator contains."""
    found: set[tuple[type[Any], int]] = set()
    construct = FIFOInterface.__init__

    def note(fifo: Any, *, width: int, depth: int) -> None:
        found.add((type(fifo), depth))
        construct(fifo, width=width, depth=depth)

    with patch.object(FIFOInterface, "__init__", note):
        Fragment.get(Accelerator(config), None)
    return found


def _proof(name: str, module: str, make: Callable[..., Harness], cycles: int, induction: int | None = 1, /, **options: Any) -> Proof:
    return Proof(name=name, module=module, make=partial(make, **options), depth=cycles, induction=induction)


def fifo_proof(kind: type[Any], depth: int, **options: Any) -> Proof:
    """The proof for a FIFO of ``depth`` words."""
    covered = depth + 4 if depth <= 8 else 6
    return _proof(
        f"{kind.__name__} of {depth} words",
        "amaranth.lib.fifo",
        FifoKeepsWords,
        covered,
        kind=kind,
        width=FIFO_WIDTH,
        depth=depth,
        **options,
    )


def fifos() -> list[Proof]:
    """Every FIFO of the design, in every depth of the configurations that are built."""
    used = {kind for config in (TINY, ArrayConfig()) for kind in fifos_of(config)}
    return [
        *(fifo_proof(kind, depth) for kind, depth in sorted(used, key=lambda pair: (pair[0].__name__, pair[1]))),
        _proof("fetcher keeps count of its beats", "fetch", FetchLosesNothing, 16, ahead=2),
        _proof("fetcher keeps count, as built", "fetch", FetchLosesNothing, 12, ahead=FETCH_AHEAD),
        _proof("fetcher hands out what memory holds", "fetch", FetchHandsOutMemory, 12, ahead=2),
        _proof("STORE's words find room", "store_format", AnsweredWordsHaveRoom, 24),
        _proof("STORE's words of two beats find room", "store_format, store_queue", AnsweredWordsHaveRoom, 9, None, config=TWO_BEATS),
        _proof("tiles find room", "drain", TilesHaveRoom, 12),
    ]


def tokens() -> list[Proof]:
    """Token counters, and no deadlock."""
    return [
        _proof("engine queue of 2", "dispatch", QueueKeepsTokens, 8, depth=2),
        _proof("engine queue, as built", "dispatch", QueueKeepsTokens, 8, depth=QUEUE_DEPTH),
        _proof("engine queue of 2, with parts", "dispatch, parts", QueueKeepsParts, 8, depth=2),
        _proof("engine queue with parts, as built", "dispatch, parts", QueueKeepsParts, 8, depth=QUEUE_DEPTH),
        _proof("the oldest descriptor has its tokens, queues of 2", "dispatch", OldestHasItsTokens, 7, depth=2),
        _proof("never all blocked, queues of 2", "dispatch", NeverAllBlocked, 8, None, depth=2),
    ]


def bus() -> list[Proof]:
    """Handshakes."""
    return [
        _proof("AXI4-Lite port", "registers", RegistersAnswer, 12),
        _proof("AXI4 port", "arbiter", ArbiterKeepsTheProtocol, 6),
        _proof("LOAD's reads in flight", "read_window", WindowHolds, 8),
        _proof("STORE's write channel", "store_bursts", WritesKeepOrder, 9),
        _proof("completion record", "command", RecordIsWritten, 16),
        _proof("bursts, 16-byte bus", "bursts", BurstsCoverRequests, 6, config=TINY),
        _proof("LOAD's bursts", "bursts", BurstsCoverRequests, 6, config=TINY, longest=LONGEST_BURST),
        _proof("bursts, 4-byte bus", "bursts", BurstsCoverRequests, 6, config=NARROW),
        _proof("bursts, 64-byte bus", "bursts", BurstsCoverRequests, 6, config=WIDE),
    ]


def decoder() -> list[Proof]:
    """Descriptors to engines."""
    return [_proof("descriptor decoder", "command, decode", DescriptorsReachTheirEngine, 6)]


def deep() -> list[Proof]:
    """The same further; minutes, on request."""
    return [
        _proof("the oldest descriptor has its tokens, queues of 4", "dispatch", OldestHasItsTokens, 7, depth=4),
        _proof("never all blocked, queues of 2, longer", "dispatch", NeverAllBlocked, 12, None, depth=2),
    ]


GROUPS: dict[str, Callable[[], list[Proof]]] = {"FIFOs": fifos, "tokens": tokens, "bus": bus, "decoder": decoder}


def planted() -> list[Planted]:
    """A fault for every group, and more for the bus."""
    return [
        Planted(
            fault="a FIFO takes words when it is full",
            proof=fifo_proof(SyncFIFO, 4, plant=faults.always_ready),
            sentence="it takes no word when it is full",
        ),
        Planted(
            fault="a FIFO writes its words over one another",
            proof=fifo_proof(SyncFIFOBuffered, 5, plant=faults.writes_one_place),
            sentence="a word is where those in front of it say",
        ),
        Planted(
            fault="the fetcher asks for more than it has room for",
            proof=_proof("fetch", "fetch", FetchLosesNothing, 16, ahead=2, plant=faults.asks_always),
            sentence="it never has more than fits",
        ),
        Planted(
            fault="the fetcher drops beats that memory refused",
            proof=_proof("fetch", "fetch", FetchHandsOutMemory, 12, ahead=2, plant=faults.drops_faulty_beats),
            sentence="beats are held in the order in which they came",
        ),
        Planted(
            fault="the fetcher leaves a short descriptor another's second half",
            proof=_proof("fetch", "fetch", FetchHandsOutMemory, 12, ahead=2, plant=faults.keeps_second_half),
            sentence="a descriptor begins with the default of its second half",
        ),
        Planted(
            fault="the fetcher hands out half of a long descriptor",
            proof=_proof("fetch", "fetch", FetchLosesNothing, 16, ahead=2, plant=faults.ends_at_first_entry),
            sentence="a descriptor is offered when all of it is there",
        ),
        Planted(
            fault="STORE reads when there is no room",
            proof=_proof("words", "store_format", AnsweredWordsHaveRoom, 24, plant=faults.always_has_room),
            sentence="words are counted than fit",
        ),
        Planted(
            fault="a token is counted twice",
            proof=_proof("queue", "dispatch", QueueKeepsTokens, 8, depth=2, plant=faults.counts_twice),
            sentence="the tokens of COMPUTE are those pushed and not taken",
        ),
        Planted(
            fault="a descriptor starts without its token",
            proof=_proof("queue", "dispatch", QueueKeepsTokens, 8, depth=2, plant=faults.starts_early),
            sentence="a descriptor is offered in the very cycle in which its tokens are there",
        ),
        Planted(
            fault="every part signals",
            proof=_proof("queue with parts", "dispatch, parts", QueueKeepsParts, 8, depth=2, plant=faults.signals_each_part),
            sentence="signal store at the engine is that of the oldest descriptor, or its next part",
        ),
        Planted(
            fault="a part takes no token",
            proof=_proof("queue with parts", "dispatch, parts", QueueKeepsParts, 8, depth=2, plant=faults.spares_tokens),
            sentence="the tokens of LOAD are those pushed and not taken",
        ),
        Planted(
            fault="a stream waits for a token that comes too late",
            proof=_proof("blocked", "dispatch", NeverAllBlocked, 8, None, depth=2, balanced=False),
            sentence="the queues are never all blocked with nothing under way",
        ),
        Planted(
            fault="a response is withdrawn",
            proof=_proof("registers", "registers", RegistersAnswer, 12, plant=faults.withdraws_response),
            sentence="a write response stays until it is taken",
        ),
        Planted(
            fault="an address changes while it waits",
            proof=_proof("arbiter", "arbiter", ArbiterKeepsTheProtocol, 6, plant=faults.changes_address),
            sentence="an address on ar stays until it is taken",
        ),
        Planted(
            fault="LOAD asks without end",
            proof=_proof("window", "read_window", WindowHolds, 8, plant=faults.never_full),
            sentence="a burst goes out only while fewer beats are in flight than the widest window",
        ),
        Planted(
            fault="bursts end after two beats",
            proof=_proof("writes", "store_bursts", WritesKeepOrder, 9, plant=faults.ends_early),
            sentence="the last beat is the one that the burst's length says",
        ),
        Planted(
            fault="a record's last beat is not marked",
            proof=_proof("record", "command", RecordIsWritten, 16, plant=faults.forgets_last),
            sentence="the last beat of the record is marked",
        ),
        Planted(
            fault="a burst is one beat too long",
            proof=_proof("bursts", "bursts", BurstsCoverRequests, 6, config=TINY, plant=faults.lengthens),
            sentence="no beat is moved that was not asked for",
        ),
        Planted(
            fault="bursts ignore the page",
            proof=_proof("bursts", "bursts", BurstsCoverRequests, 6, config=TINY, plant=faults.ignores_page),
            sentence="a burst stays in its page and has at most 256 beats",
        ),
        Planted(
            fault="an unknown opcode goes to LOAD",
            proof=_proof("decoder", "command", DescriptorsReachTheirEngine, 6, plant=faults.takes_unknown),
            sentence="LOAD is offered to LOAD when it is dispatched, and nothing else is",
        ),
        Planted(
            fault="two fields of a COMPUTE are swapped",
            proof=_proof("decoder", "command", DescriptorsReachTheirEngine, 6, plant=faults.swaps_fields),
            sentence="COMPUTE.m has the bits that the format says",
        ),
    ]
