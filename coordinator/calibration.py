"""Calibration data, and the ranges that a float model's activations take on it.

The data is a ``.npz`` file with an array for each of the model's inputs, by name: of the input's shape, which is one sample, or with
one more dimension in front, which counts samples. The range of an activation is from its least to its largest value over all
samples: nothing that was seen is cut off.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwacc.coordinator.host_program import HostProgram
from hwacc.errors import InputError
from hwacc.program import Buffer, Program

Sample = list[NDArray[Any]]
"""An array for each input of a model."""
Range = tuple[float, float]


def load_samples(path: Path, inputs: Sequence[Buffer]) -> list[Sample]:
    """The samples in ``path``; raises :class:`InputError` saying which array is missing or wrong, and what is wanted."""
    arrays = read_arrays(path)
    wanted = ", ".join(f"{buffer.name} {buffer.dtype} {buffer.shape}" for buffer in inputs)
    unknown = set(arrays) - {buffer.name for buffer in inputs}
    if unknown:
        raise InputError(f"{path}: the model has no input {sorted(unknown)[0]!r}; its inputs: {wanted}")
    found = [samples_of(path, arrays, buffer) for buffer in inputs]
    counts = {len(samples) for samples in found}
    if len(counts) > 1:
        sizes = ", ".join(f"{buffer.name} {len(samples)}" for buffer, samples in zip(inputs, found))
        raise InputError(f"{path}: its arrays have different numbers of samples: {sizes}")
    if counts == {0}:
        raise InputError(f"{path}: holds no samples")
    return [list(sample) for sample in zip(*found)]


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a ``.npz`` file by name."""
    hint = "save them with numpy.savez(FILE, NAME=ARRAY, ...)"
    try:
        archive = np.load(path, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise InputError(f"{path}: holds one array without a name; {hint}")
        with archive:
            arrays = {name: archive[name] for name in archive.files}
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except (ValueError, EOFError, KeyError, MemoryError, SyntaxError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            f"{path}: not a .npz file of arrays, or cut short ({str(error).splitlines()[0] if str(error) else 'empty'}); {hint}"
        ) from None
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # numpy gives the bytes of a member that is no array
            raise InputError(f"{path}: {name!r} is no array; {hint}")
    return arrays


def samples_of(path: Path, arrays: dict[str, NDArray[Any]], buffer: Buffer) -> NDArray[Any]:
    """What the arrays say of one input, with a dimension in front that counts samples."""
    wanted = f"{buffer.dtype} of shape {buffer.shape}, or with a dimension in front that counts samples"
    if buffer.name not in arrays:
        raise InputError(f"{path}: has no array {buffer.name!r}; wanted is one, {wanted}")
    array = arrays[buffer.name]
    samples = array[None] if array.shape == buffer.shape else array
    if array.dtype != np.dtype(buffer.dtype) or samples.shape[1:] != buffer.shape or samples.ndim != len(buffer.shape) + 1:
        raise InputError(f"{path}: {buffer.name} must be {wanted}; it is {array.dtype} of shape {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        sample = int(np.flatnonzero(~np.isfinite(samples.reshape(len(samples), -1)).all(axis=1))[0])
        raise InputError(f"{path}: {buffer.name} holds infinities or NaN in sample {sample}; nothing can be calibrated on that")
    return samples


def observed_ranges(
    program: Program, prefix: str, samples: Sequence[Sample], tell: Callable[[int], None] | None = None
) -> dict[str, Range]:
    """For each output of ``program`` whose name begins with ``prefix``, by the rest of the name, the range of its values.

    ``program`` has CPU code for every task; ``tell`` hears the number of each sample. Raises :class:`InputError` where a sample
    makes a value infinite or NaN.
    """
    host = HostProgram(program)
    ranges: dict[str, Range] = {}
    for number, sample in enumerate(samples):
        if tell is not None:
            tell(number)
        for label, array in zip(host.names, host.run(sample)):
            if label.startswith(prefix) and array.size:
                name = label.removeprefix(prefix)
                ranges[name] = wider(ranges.get(name), array, f"calibration sample {number} makes {name}")
    return ranges


def wider(known: Range | None, array: NDArray[Any], what: str) -> Range:
    """The range that covers ``known`` and an array's values; raises :class:`InputError` if they are not finite."""
    low, high = float(array.min()), float(array.max())
    if not np.isfinite([low, high]).all():
        raise InputError(f"{what} infinite or NaN; leave the sample out, or the layer in float with --keep-float")
    return (low, high) if known is None else (min(known[0], low), max(known[1], high))
