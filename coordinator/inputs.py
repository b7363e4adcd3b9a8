"""Inputs for a model: arrays, pictures, random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwacc.errors import InputError, MissingToolError
from hwacc.program import Buffer, describe_shape

PICTURES = (".png", ".jpg", ".jpeg")
RGB = 3
MAX_PIXELS = 100_000_000
"""Largest picture that is opened: a picture of 100 kB may claim to be a terabyte."""


def load_input(path: Path, buffer: Buffer) -> NDArray[Any]:
    """The file's content as ``buffer`` wants it; raises :class:`InputError` saying what is wrong and what is wanted.

    ``.npy`` must have dtype and shape exactly. Pictures are scaled to the model's height and width (the mean of the
    pixels that fall together), made grey or RGB by its channels; int8 models get pixel − 128, others the pixel 0 to 255.
    """
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return _load_array(path, buffer)
    if suffix in PICTURES:
        return _load_picture(path, buffer)
    raise InputError(f"{path}: inputs are .npy, {', '.join(PICTURES)} files, not {suffix or 'without a suffix'!r}")


def random_inputs(buffers: Sequence[Buffer], count: int, seed: int) -> list[list[NDArray[Any]]]:
    """``count`` sets of one array for each buffer, the same for the same seed.

    Integers are uniform over their type. Floats are uniform from 0 to 255 for what looks like an RGB picture, else from
    -128 to 127, which quantised models see as something between their full range and saturation.
    Raises :class:`InputError` for buffers of unknown size.
    """
    generator = np.random.default_rng(seed)
    for buffer in buffers:
        if not buffer.is_static:
            raise InputError(
                f"input {buffer.name} ({describe_shape(buffer.shape)}) has no size of its own; give .npy files, whose sizes count"
            )
    return [[_random_array(generator, buffer) for buffer in buffers] for _ in range(count)]


def _random_array(generator: np.random.Generator, buffer: Buffer) -> NDArray[Any]:
    dtype = np.dtype(buffer.dtype)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return generator.integers(info.min, info.max, size=buffer.shape, dtype=dtype, endpoint=True)
    low = 0 if len(buffer.shape) == 4 and buffer.shape[3] == RGB else -128
    return generator.uniform(low, low + 255, size=buffer.shape).astype(dtype)


def _load_array(path: Path, buffer: Buffer) -> NDArray[Any]:
    try:
        array = np.load(path, allow_pickle=False)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except (ValueError, EOFError, MemoryError, SyntaxError) as error:
        raise InputError(f"{path}: not a .npy array ({_first_line(error)}); save one with numpy.save") from None
    shape = buffer.shape if buffer.is_static else describe_shape(buffer.shape)
    wanted = f"{buffer.name} must be {buffer.dtype} of shape {shape}"
    if not isinstance(array, np.ndarray):
        raise InputError(f"{path}: holds several arrays; {wanted}")
    if array.dtype != np.dtype(buffer.dtype) or not buffer.takes(array.shape):
        raise InputError(f"{path}: {wanted}, not {array.dtype} of shape {array.shape}")
    return array


def _load_picture(path: Path, buffer: Buffer) -> NDArray[Any]:
    shape = buffer.shape
    if len(shape) != 4 or shape[0] != 1 or shape[3] not in (1, RGB) or not buffer.is_static:
        words = shape if buffer.is_static else describe_shape(shape)
        raise InputError(f"{path}: the model's input {buffer.name} is {buffer.dtype} of shape {words}, not a picture; give a .npy file")
    if buffer.dtype not in ("int8", "uint8", "float32"):
        raise InputError(f"{path}: the model wants {buffer.dtype} pixels; give a .npy file")
    pixels = _pixels(path, width=shape[2], height=shape[1], mode="RGB" if shape[3] == RGB else "L").reshape(shape)
    if buffer.dtype == "int8":
        return (pixels.astype(np.int16) - 128).astype(np.int8)
    return pixels.astype(buffer.dtype)


def _pixels(path: Path, width: int, height: int, mode: str) -> NDArray[np.uint8]:
    try:
        from PIL import Image
    except ImportError:
        raise MissingToolError("reading pictures needs pillow: pip install 'hwacc[image]'") from None
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise InputError(f"{path}: {image.width}×{image.height} pixels are too many; make it smaller")
            small = image.convert(mode).resize((width, height), Image.Resampling.BOX)
            return np.asarray(small, dtype=np.uint8)
    except FileNotFoundError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: not a picture, or damaged ({_first_line(error)})") from None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
