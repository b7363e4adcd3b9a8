"""Plans that were measured: which blocking of a product was the fastest, and whether the planner still makes that of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from typing import Any

from hwacc.compiler.emit.blocking import Blocking
from hwacc.compiler.emit.layouts import laid_out
from hwacc.compiler.emit.legal import fault
from hwacc.compiler.emit.plain import blocking_of, member, plain_blocking, plain_spec, spec_of
from hwacc.compiler.emit.search import scheduler_of
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import ArrayConfig
from hwacc.errors import HwaccError, TunedError
from hwacc.stream import Stream


@dataclass(frozen=True)
class Measured:
    """Cycles that the cost model expected of a plan, and those that it took."""

    estimate: int
    cycles: int

    @classmethod
    def from_dict(cls, values: Any) -> Measured:
        """Of the fields by name; raises :class:`TunedError`."""
        return cls(*(member(values, field.name, int) for field in fields(cls)))


@dataclass(frozen=True)
class TunedPlan:
    """The fastest of the plans of a product that were ``tried``, with memory of this latency, and the cost model's ``first`` choice.

    ``spec`` has the defaults for the values of its epilogue; ``stream`` is what :func:`identity` says of the plan.
    """

    spec: ContractionSpec
    blocking: Blocking
    stream: str
    memory_latency: int
    tried: int
    first: Measured
    best: Measured

    def to_dict(self) -> dict[str, Any]:
        """As in the file."""
        spec = self.spec
        return {
            "shape": f"{spec.m}×{spec.k}×{spec.n}",
            "product": plain_spec(spec),
            "memory_latency": self.memory_latency,
            "tried": self.tried,
            "first": asdict(self.first),
            "best": asdict(self.best),
            "blocking": plain_blocking(self.blocking),
            "stream": self.stream,
        }

    @classmethod
    def from_dict(cls, values: Any, config: ArrayConfig) -> TunedPlan:
        """Inverse of :meth:`to_dict`; raises :class:`TunedError`, also for a blocking that no schedule can be built of."""
        spec, blocking = spec_of(member(values, "product", dict)).without_values, blocking_of(member(values, "blocking", dict))
        why = fault(blocking, laid_out(spec, config, config.available_dataflows), config)
        if why is not None:
            raise TunedError(f"its blocking cannot be: {why}")
        latency, tried = (member(values, name, int) for name in ("memory_latency", "tried"))
        first, best = (Measured.from_dict(member(values, name, dict)) for name in ("first", "best"))
        return cls(spec, blocking, member(values, "stream", str), latency, tried, first, best)


Plans = dict[ContractionSpec, TunedPlan]


def identity(spec: ContractionSpec, blocking: Blocking, config: ArrayConfig) -> str:
    """Identifies the descriptors that the planner makes of a blocking, but for the values of the epilogue."""
    schedule = scheduler_of(spec.without_values, config, config.available_dataflows).build(blocking)
    descriptors, slots = zip(*schedule.finished())
    return sha256(Stream(config.hash, (), descriptors, slots).to_bytes()).hexdigest()[:32]


def usable(plans: Plans, specs: Iterable[ContractionSpec], config: ArrayConfig) -> dict[ContractionSpec, Blocking]:
    """The blockings for ``specs``, without values, of which the planner still makes what was measured."""
    found = (plans[key] for key in dict.fromkeys(spec.without_values for spec in specs) if key in plans)
    return {plan.spec: plan.blocking for plan in found if _still_made(plan, config)}


def _still_made(plan: TunedPlan, config: ArrayConfig) -> bool:
    try:
        return identity(plan.spec, plan.blocking, config) == plan.stream
    except HwaccError:  # a descriptor that cannot be encoded
        return False
