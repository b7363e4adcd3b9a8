"""How a model is compiled, beside for which array: plain data, for the compiler and its callers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hwacc.compiler.importers.fixed import Fixed
from hwacc.compiler.quantisation import Quantisation


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a user may say of a compilation.

    backends
        Those for which an array task gets code: with ``hwacc`` a stream, with ``cpu`` CPU code, which other tasks get in any case;
        ``("cpu",)`` compiles for no array at all.
    fallback
        Whether a task that cannot run on the array gets CPU code; else it is an error.
    fixed
        What is fixed of the model's inputs.
    quantisation
        What becomes of floats; without it they stay floats.
    tuned
        A file of measured plans: products that it has one for are planned so.
    """

    backends: tuple[str, ...] = ("hwacc",)
    fallback: bool = True
    fixed: Fixed = field(default_factory=Fixed)
    quantisation: Quantisation | None = None
    tuned: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "backends": list(self.backends),
            "fallback": self.fallback,
            "fixed": self.fixed.to_dict(),
            "quantisation": self.quantisation and self.quantisation.to_dict(),
            "tuned": self.tuned and str(self.tuned),
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Options:
        """Inverse of :meth:`to_dict`."""
        quantisation, tuned = given["quantisation"], given["tuned"]
        return cls(
            backends=tuple(given["backends"]),
            fallback=given["fallback"],
            fixed=Fixed.from_dict(given["fixed"]),
            quantisation=quantisation and Quantisation.from_dict(quantisation),
            tuned=tuned and Path(tuned),
        )


DEFAULTS = Options()
