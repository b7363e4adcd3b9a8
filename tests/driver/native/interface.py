"""``hwacc.h`` for ctypes: a library opened, and its functions with Python's arguments."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

OK, BAD_ARGUMENT, NO_DEVICE, OTHER_CONFIGURATION, NO_MEMORY, FAULT, TIMEOUT = range(0, -7, -1)


class Completion(ctypes.Structure):
    """``hwacc_completion``."""

    _fields_ = (("status", ctypes.c_uint32), ("descriptor", ctypes.c_uint32), ("cycles", ctypes.c_uint64))


_POINTER, _U64, _U32 = ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "hwacc_open": (ctypes.c_char_p, ctypes.POINTER(_POINTER)),
    "hwacc_close": (_POINTER,),
    "hwacc_error": (),
    "hwacc_require": (_POINTER, _U32, ctypes.c_char_p),
    "hwacc_alloc": (_POINTER, _U64, ctypes.POINTER(_U64)),
    "hwacc_free": (_POINTER, _U64),
    "hwacc_write": (_POINTER, _U64, _POINTER, ctypes.c_size_t),
    "hwacc_read": (_POINTER, _U64, _POINTER, ctypes.c_size_t),
    "hwacc_map": (_POINTER, _U64, ctypes.c_size_t, ctypes.POINTER(_POINTER)),
    "hwacc_unmap": (_POINTER, _POINTER),
    "hwacc_submit": (_POINTER, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(_U64), ctypes.c_size_t, ctypes.POINTER(_U64)),
    "hwacc_wait": (_POINTER, _U64, ctypes.POINTER(Completion)),
}


def load(path: Path) -> ctypes.CDLL:
    """The library, its functions typed."""
    library = ctypes.CDLL(str(path))
    for name, arguments in _SIGNATURES.items():
        getattr(library, name).argtypes = arguments
    library.hwacc_error.restype = ctypes.c_char_p
    library.hwacc_close.restype = None
    return library


class Failure(Exception):
    """A function returned ``code``; the text is what ``hwacc_error`` says."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class CDevice:
    """An open device of the C interface."""

    def __init__(self, library: ctypes.CDLL, options: str | None = None) -> None:
        self.library = library
        self.handle = ctypes.c_void_p()
        self.check(library.hwacc_open(None if options is None else options.encode(), ctypes.byref(self.handle)))

    def check(self, code: int) -> None:
        """Raises :class:`Failure` unless ``code`` is OK."""
        if code != OK:
            raise Failure(code, self.library.hwacc_error().decode())

    def require(self, configuration: int, name: str) -> None:
        self.check(self.library.hwacc_require(self.handle, configuration, name.encode()))

    def alloc(self, size: int) -> int:
        address = ctypes.c_uint64()
        self.check(self.library.hwacc_alloc(self.handle, size, ctypes.byref(address)))
        return address.value

    def free(self, address: int) -> None:
        self.check(self.library.hwacc_free(self.handle, address))

    def write(self, address: int, array: NDArray[Any]) -> None:
        self.check(self.library.hwacc_write(self.handle, address, array.ctypes.data, array.nbytes))

    def place(self, array: NDArray[Any]) -> int:
        """The address of new memory with the content of ``array``."""
        address = self.alloc(array.nbytes)
        self.write(address, array)
        return address

    def read(self, address: int, like: NDArray[Any]) -> NDArray[Any]:
        """An array such as ``like`` with what lies at ``address``."""
        array = np.empty_like(like)
        self.check(self.library.hwacc_read(self.handle, address, array.ctypes.data, array.nbytes))
        return array

    def map(self, address: int, size: int) -> int:
        pointer = ctypes.c_void_p()
        self.check(self.library.hwacc_map(self.handle, address, size, ctypes.byref(pointer)))
        assert pointer.value is not None
        return pointer.value

    def unmap(self, pointer: int) -> None:
        self.check(self.library.hwacc_unmap(self.handle, pointer))

    def submit(self, stream: bytes, buffers: Sequence[int]) -> int:
        ticket = ctypes.c_uint64()
        addresses = (ctypes.c_uint64 * max(1, len(buffers)))(*buffers)
        self.check(self.library.hwacc_submit(self.handle, stream, len(stream), addresses, len(buffers), ctypes.byref(ticket)))
        return ticket.value

    def wait(self, ticket: int, completion: Completion | None = None) -> Completion:
        """``completion`` is filled also where this raises."""
        completion = completion or Completion()
        self.check(self.library.hwacc_wait(self.handle, ticket, ctypes.byref(completion)))
        return completion

    def close(self) -> None:
        self.library.hwacc_close(self.handle)
        self.handle = ctypes.c_void_p()
