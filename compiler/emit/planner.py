"""From a contraction to a descriptor stream.

The planner tries the most promising ways of cutting the product into panels,
builds the schedule of each, and takes the one that ends first. Any size works:
where k does not fit on chip, the accumulator carries it from panel to panel;
where bias or parameters do not fit, they are loaded again when needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hwacc import isa
from hwacc.compiler.emit.blocking import Blocking
from hwacc.compiler.emit.groups import cycles_of_all, for_all_groups
from hwacc.compiler.emit.schedule import Schedule
from hwacc.compiler.emit.search import EFFORT, Search, scheduler_of
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import ArrayConfig
from hwacc.errors import ModelError
from hwacc.isa import Dataflow
from hwacc.stream import Stream

EFFORT_FOR_ALL = 150_000
"""Operations built in the searches for all products of a program together: some seconds."""
Tell = Callable[[ContractionSpec], None]
"""Hears what is searched for."""
STRIDE_LIMIT = 2**31
MOST_PANELS = 1 << 16
"""Of a product: with more the planner, the verifier and the stream would take hours and gigabytes."""


@dataclass(frozen=True)
class Plan:
    """Descriptors in order, each with the slot that its address refers to, or None; and the cycles they should take."""

    spec: ContractionSpec
    config: ArrayConfig
    operations: tuple[tuple[isa.Descriptor, int | None], ...]
    cycles: int

    @property
    def utilisation(self) -> float:
        """Estimated share of the array's peak."""
        return self.spec.macs / (self.cycles * self.config.macs_per_cycle)

    def stream(self) -> Stream:
        """The same, as a stream of its own."""
        descriptors, slots = zip(*self.operations)
        return Stream(self.config.hash, self.spec.slots(self.config), tuple(descriptors), tuple(slots))


Choice = tuple[Blocking, Plan | None]
"""A blocking, and the plan that it is if that has been made already."""


def plan(spec: ContractionSpec, config: ArrayConfig, dataflow: Dataflow | None = None, effort: int = EFFORT) -> Plan:
    """The fastest stream found for ``spec``, with this dataflow or with whichever is faster; ``effort`` as in :class:`Search`.

    Raises :class:`ModelError` for what the hardware cannot hold, or a dataflow that it does not have.
    """
    search = _begun(spec, config, dataflow)
    search.go_on(effort)
    return _planned(spec, config, search.schedule(spec))


def plan_as(spec: ContractionSpec, config: ArrayConfig, blocking: Blocking) -> Plan:
    """The plan of ``spec`` with this ``blocking``, which must be legal."""
    return _planned(spec, config, scheduler_of(spec, config, config.available_dataflows).build(blocking))


def choose(specs: Sequence[ContractionSpec], config: ArrayConfig, effort: int, tell: Tell) -> list[Choice | ModelError]:
    """A choice for each of ``specs``, which differ in more than the values of their epilogues; arguments as of :func:`search_all`."""
    searches = search_all(specs, config, effort, tell)
    found = [(spec, searches[spec.without_values]) for spec in specs]
    return [each if isinstance(each, ModelError) else (each.blocking, _planned(spec, config, each.schedule(spec))) for spec, each in found]


def search_all(
    specs: Sequence[ContractionSpec],
    config: ArrayConfig,
    effort: int = EFFORT_FOR_ALL,
    tell: Tell | None = None,
) -> dict[ContractionSpec, Search | ModelError]:
    """The search for each product, by :attr:`ContractionSpec.without_values`, or why there is none.

    The effort goes where cycles are to be gained: to each search in proportion to what its first blocking takes above the array's
    peak. ``tell`` hears what is searched for.
    """
    searches: dict[ContractionSpec, Search | ModelError] = {}
    for spec in specs:
        key = spec.without_values
        if key not in searches:
            searches[key] = _begun_or_not(spec, config)
    _share_out(effort, [begun for begun in searches.values() if isinstance(begun, Search)], tell or (lambda spec: None))
    return searches


def _share_out(effort: int, searches: Sequence[Search], tell: Tell) -> None:
    """Lets each go on with its share; what one does not need is left to those after it."""
    lost = [search.spec.groups * search.cycles - search.spec.macs // search.config.macs_per_cycle for search in searches]
    to_gain = sum(lost)
    for search, cycles in zip(searches, lost):
        tell(search.spec)
        search.go_on(min(EFFORT, effort * cycles // to_gain))
        effort, to_gain = effort - search.effort, to_gain - cycles


def _begun(spec: ContractionSpec, config: ArrayConfig, dataflow: Dataflow | None = None) -> Search:
    """A search for its best blocking; raises as :func:`plan` does."""
    check_sizes(spec, config)
    if dataflow is not None and dataflow not in config.available_dataflows:
        raise ModelError(f"the array was built for {config.dataflows} only; it cannot compute {dataflow.words}")
    dataflows = config.available_dataflows if dataflow is None else (dataflow,)
    return Search(spec, config, dataflows)


def _begun_or_not(spec: ContractionSpec, config: ArrayConfig) -> Search | ModelError:
    try:
        return _begun(spec, config)
    except ModelError as error:
        return error


def _planned(spec: ContractionSpec, config: ArrayConfig, schedule: Schedule) -> Plan:
    """The plan of ``spec`` that ``schedule`` is."""
    operations = for_all_groups(schedule.finished(), spec, config)
    return Plan(spec, config, operations, cycles_of_all(schedule.cycles, spec, config))


def check_sizes(spec: ContractionSpec, config: ArrayConfig) -> None:
    """Raises :class:`ModelError` for a product that is too large, in one dimension or as a whole; quick, before any planning."""
    if spec.k > config.max_k:
        raise ModelError(f"a reduction of {spec.k} products can overflow int32; at most {config.max_k} are supported")
    rows = {"input": spec.width * spec.pixel_bytes, "weights": max(spec.n, spec.k), "output": spec.result_elements * spec.element_bytes}
    for name, size in rows.items():
        if size >= STRIDE_LIMIT:
            raise ModelError(f"a row of the {name} has {size} bytes; at most {STRIDE_LIMIT - 1} are supported")
    least = _least_panels(spec, config)
    if least > MOST_PANELS:
        raise ModelError(
            f"{'a' if spec.groups == 1 else f'{spec.groups} times a'} {spec.m}×{spec.k}×{spec.n} product takes at least {least} panels on "
            f"this array; at most {MOST_PANELS} are supported: divide it, or give the array larger buffers"
        )


def _least_panels(spec: ContractionSpec, config: ArrayConfig) -> int:
    """Panels that the accumulator and the operand buffers force, however the product is cut."""
    results = spec.m * -(-spec.n // config.cols)
    operand = max(spec.m, spec.n) * spec.k
    return spec.groups * max(-(-results // config.acc_words), -(-operand // config.operand_bytes))
