"""The program: buffers, tasks, and for each task one implementation per backend.

A ``.hwx`` file is an uncompressed-metadata zip: ``manifest.json`` describes the
buffers and tasks, ``buffers/N.bin`` holds the bytes of each constant, and
``code/N.BACKEND`` the code of task N for a backend: a descriptor stream
(:mod:`hwacc.stream`) for ``hwacc``, MLIR text in the LLVM dialect for ``cpu``.

Intermediate buffers lie together in one piece of memory, the *arena*, each at its :attr:`Buffer.offset`. Those that do not live at
the same time share bytes, as :mod:`hwacc.arena` says; who runs the program may as well give each memory of its own. A buffer
without offset, such as all have in files of before, must have its own.

Some sizes may be *unknown* until the program gets its inputs. In
:attr:`Buffer.shape` a negative size, ``-1 - i``, is unknown number i; equal
numbers are equal sizes. Such a buffer's array task has host code that writes a
stream (:data:`WRITE_STREAM`), in the LLVM dialect as well, and its CPU task
takes descriptors of its buffers, see :data:`MEMREF_ENTRY`.
Its buffers have no offsets. :mod:`hwacc.coordinator.sizes` makes the ordinary program of one for certain inputs.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwacc.arena import ALIGNMENT, Lives, Use, extent, first_clash, places
from hwacc.config import ArrayConfig
from hwacc.errors import ConfigError, ProgramError
from hwacc.files import beside

FORMAT = 1
ROLES = ("input", "output", "constant", "intermediate")
KINDS = ("conv2d", "depthwise", "dense", "gemm", "other")
BACKENDS = ("hwacc", "cpu")
STREAM_BYTES, WRITE_STREAM = "stream_bytes", "write_stream"
"""Functions of host code that writes the stream of a matrix product. Both take an array of i64 with M, K and N; the first one returns
how long the stream is, the other writes the content of a stream file to its second argument. An implementation for ``hwacc`` whose
``entry`` is the latter is such code."""
MEMREF_ENTRY = "_mlir_ciface_entry"
"""The ``entry`` of CPU code whose arguments are pointers to MLIR's descriptors of ranked memrefs: pointers, offset, sizes, strides."""
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    EOFError,
    OverflowError,
    MemoryError,
)
"""What reading a file that is none of ours raises; RuntimeError is for zip features that we never use."""


@dataclass(frozen=True)
class Buffer:
    """A tensor of the program, row-major.

    ``role`` is one of :data:`ROLES`; ``dtype`` a NumPy name such as ``int8``. ``quantisation``, where the model says it of an
    input or output, is a scale and a zero point: an element q stands for the number scale · (q - zero point).
    A negative size in ``shape`` is unknown; :attr:`elements` and :attr:`size` then raise :class:`ProgramError`. ``offset``, of an
    intermediate, is its place in the arena; None if it has its own memory.
    """

    name: str
    role: str
    dtype: str
    shape: tuple[int, ...]
    quantisation: tuple[float, int] | None = None
    offset: int | None = None

    @property
    def is_static(self) -> bool:
        """Whether all its sizes are known."""
        return min(self.shape, default=0) >= 0

    def takes(self, shape: Sequence[int]) -> bool:
        """Whether an array of ``shape`` fits it; by itself: its unknown sizes may be others' as well."""
        return len(shape) == len(self.shape) and all(wanted < 0 or wanted == found for wanted, found in zip(self.shape, shape))

    @property
    def elements(self) -> int:
        """Their number."""
        if not self.is_static:
            raise ProgramError(f"the size of {self.name} ({describe_shape(self.shape)}) is not known before the program gets its inputs")
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def size(self) -> int:
        """Bytes."""
        return self.elements * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Implementation:
    """How one backend runs a task.

    ``buffers`` are indices into :attr:`Program.buffers`, in the order in which
    the code wants them: the slots of a stream, the arguments of a function
    (``entry``), whose last ones are the outputs.
    """

    backend: str
    buffers: tuple[int, ...]
    code: bytes
    entry: str = ""

    @property
    def writes_stream(self) -> bool:
        """Whether the code is host code that writes a stream, for sizes that are not known."""
        return self.backend == "hwacc" and self.entry == WRITE_STREAM


@dataclass(frozen=True)
class Task:
    """A unit of scheduling. Tasks are listed in an order in which they can run.

    ``kind`` is one of :data:`KINDS`; ``shape`` says the size in words, such as
    ``1024x144x16`` (M×K×N), or ``12 of 9x24x10``; ``reads`` and ``writes`` are buffer indices;
    ``reason`` says why the array does not run it, where it does not;
    ``operations`` names what it consists of, such as ``linalg.generic ×2``, and
    ``location`` where that is in the model's source, as far as it is known.

    ``extent`` are the sizes that ``shape`` has in words where some are unknown: of a matrix product (batch,) M, K and N, else those
    of the last result; ``macs`` is 0 until they are known. Empty where all are.
    """

    name: str
    kind: str
    shape: str
    macs: int
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    implementations: tuple[Implementation, ...]
    reason: str = ""
    operations: str = ""
    location: str = ""
    extent: tuple[int, ...] = ()

    def implementation(self, backend: str) -> Implementation:
        """The implementation for ``backend``; raises :class:`ProgramError` if there is none."""
        for implementation in self.implementations:
            if implementation.backend == backend:
                return implementation
        raise ProgramError(f"task {self.name} has no implementation for {backend!r}")


def use_of(task: Task) -> Use:
    """The buffers that a task touches, by any of its implementations, and those that it writes."""
    return {*task.reads, *task.writes, *(buffer for each in task.implementations for buffer in each.buffers)}, task.writes


def not_on_array(name: str, operations: str, reason: str, location: str) -> str:
    """Why a task cannot run on the array, as a sentence for the user who wants nothing else."""
    return f"{operations} of task {name} cannot run on the array: {reason}{f' (at {location})' if location else ''}"


@dataclass(frozen=True)
class Program:
    """A compiled model for one :class:`ArrayConfig`."""

    name: str
    config: ArrayConfig
    buffers: tuple[Buffer, ...]
    tasks: tuple[Task, ...]
    constants: dict[int, NDArray[Any]] = field(default_factory=dict)

    def require_array(self) -> None:
        """Raises :class:`ProgramError` naming the first task that has no code for the array."""
        for task in self.tasks:
            if all(implementation.backend != "hwacc" for implementation in task.implementations):
                raise ProgramError(not_on_array(task.name, task.operations, task.reason, task.location))

    @property
    def is_static(self) -> bool:
        """Whether the sizes of all its buffers are known, and so all its streams are there."""
        writes = any(code.writes_stream for task in self.tasks for code in task.implementations)
        return not writes and all(buffer.is_static for buffer in self.buffers)

    @property
    def arena_size(self) -> int:
        """Bytes of the arena; 0 if no buffer lies in one."""
        return extent(*_arena(self.buffers))

    def with_arena(self) -> Program:
        """This program, whose sizes are all known, with a place in the arena for every intermediate buffer."""
        lives = Lives([use_of(task) for task in self.tasks])
        found = places({index: self.buffers[index].size for index in self.indices("intermediate")}, lives)
        buffers = tuple(replace(buffer, offset=found.get(index)) for index, buffer in enumerate(self.buffers))
        return replace(self, buffers=buffers)

    def indices(self, role: str) -> list[int]:
        """Indices of the buffers with that role, in order."""
        return [i for i, buffer in enumerate(self.buffers) if buffer.role == role]

    def save(self, path: Path) -> None:
        """Writes a ``.hwx`` file; the same program gives the same bytes."""
        manifest = {
            "format": FORMAT,
            "name": self.name,
            "config": self.config.to_dict(),
            "buffers": [asdict(buffer) for buffer in self.buffers],
            "tasks": [_task_entry(task) for task in self.tasks],
        }
        partial = beside(path)
        with zipfile.ZipFile(partial, "w") as archive:
            _write(archive, "manifest.json", json.dumps(manifest, indent=1).encode())
            for index, array in sorted(self.constants.items()):
                _write(archive, f"buffers/{index}.bin", np.ascontiguousarray(array).tobytes())
            for number, task in enumerate(self.tasks):
                for implementation in task.implementations:
                    _write(archive, f"code/{number}.{implementation.backend}", implementation.code)
        partial.replace(path)


def load_program(path: Path) -> Program:
    """Reads a ``.hwx`` file; raises :class:`ProgramError` naming the file and the fault."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive)
    except OSError as error:
        raise ProgramError(f"{path}: {error.strerror or error}") from None
    except DAMAGE as error:
        raise ProgramError(f"{path}: not a program, or damaged ({error}); compile the model again") from None
    except ConfigError as error:
        raise ProgramError(f"{path}: {error}") from None


def _read(archive: zipfile.ZipFile) -> Program:
    manifest = json.loads(archive.read("manifest.json"))
    if manifest["format"] != FORMAT:
        raise ValueError(f"program format {manifest['format']}, this is {FORMAT}")
    buffers = tuple(_read_buffer(entry) for entry in manifest["buffers"])
    constants = {}
    for index, buffer in enumerate(buffers):
        if buffer.role == "constant":
            flat = np.frombuffer(archive.read(f"buffers/{index}.bin"), dtype=buffer.dtype)
            constants[index] = flat.reshape(buffer.shape)
    tasks = []
    for number, entry in enumerate(manifest["tasks"]):
        implementations = tuple(
            Implementation(i["backend"], tuple(i["buffers"]), archive.read(f"code/{number}.{i['backend']}"), i["entry"])
            for i in entry.pop("implementations")
        )
        for name in ("reads", "writes", "extent"):
            entry[name] = tuple(entry.get(name, ()))
        tasks.append(Task(**entry, implementations=implementations))
    config = ArrayConfig.from_dict(manifest["config"])
    program = Program(str(manifest["name"]), config, buffers, tuple(tasks), constants)
    _check(program)
    return program


def _read_buffer(entry: dict[str, Any]) -> Buffer:
    quantised = entry.get("quantisation")  # files of before have none
    scale = None if quantised is None else (float(quantised[0]), int(quantised[1]))
    offset = None if entry.get("offset") is None else int(entry["offset"])  # nor this
    return Buffer(entry["name"], entry["role"], entry["dtype"], tuple(entry["shape"]), scale, offset)


def _check(program: Program) -> None:
    """Raises ValueError where the parts do not fit together."""
    told = {size for index in program.indices("input") for size in program.buffers[index].shape}
    for buffer in program.buffers:
        if buffer.role not in ROLES:
            raise ValueError(f"buffer {buffer.name} has role {buffer.role!r}")
        unknown = {size for size in buffer.shape if size < 0}
        if not unknown <= told:
            raise ValueError(f"buffer {buffer.name} has shape {buffer.shape}, and no input tells {max(unknown - told)}")
        np.dtype(buffer.dtype)
    for task in program.tasks:
        if task.kind not in KINDS:
            raise ValueError(f"task {task.name} has kind {task.kind!r}")
        for index in (*task.reads, *task.writes, *(index for i in task.implementations for index in i.buffers)):
            if not 0 <= index < len(program.buffers):
                raise ValueError(f"task {task.name} uses buffer {index} of {len(program.buffers)}")
    _check_arena(program)


def _arena(buffers: Sequence[Buffer]) -> tuple[dict[int, int], dict[int, int]]:
    """Size and offset of each buffer in the arena."""
    offsets = {index: buffer.offset for index, buffer in enumerate(buffers) if buffer.offset is not None}
    return {index: buffers[index].size for index in offsets}, offsets


def _check_arena(program: Program) -> None:
    """Raises ValueError unless what shares bytes in the arena never lives at the same time."""
    for buffer in program.buffers:
        if buffer.offset is not None:
            if buffer.role != "intermediate" or not buffer.is_static:
                raise ValueError(f"buffer {buffer.name} has a place in the arena, which is for intermediates of known size")
            if buffer.offset < 0 or buffer.offset % ALIGNMENT:
                raise ValueError(f"buffer {buffer.name} lies at {buffer.offset}, which is no multiple of {ALIGNMENT}")
    clash = first_clash(*_arena(program.buffers), Lives([use_of(task) for task in program.tasks]))
    if clash is not None:
        one, other = (program.buffers[index].name for index in clash)
        raise ValueError(f"buffers {one} and {other} share memory, and no task says which comes first")


def _task_entry(task: Task) -> dict[str, Any]:
    entry = asdict(task)
    for implementation in entry["implementations"]:
        del implementation["code"]
    return entry


def _write(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, data)


def describe_shape(dims: Sequence[int]) -> str:
    """``(4, 5, 6)`` as ``4x5x6``; what is negative is unknown, and a ``?``."""
    return "x".join(str(dim) if dim >= 0 else "?" for dim in dims)
