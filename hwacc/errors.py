"""Every error a user can meet, as one tree.

The command line prints ``str(error)`` as a single line and exits with 1, so
each message says what is wrong, where, and what would put it right.
"""


class HwaccError(Exception):
    """Root of the tree; anything else that escapes is a defect of HWACC."""


class ConfigError(HwaccError):
    """An array configuration that cannot be built, or that does not match."""


class EncodingError(HwaccError):
    """A descriptor, register or stream that cannot be encoded or decoded."""


class StreamError(HwaccError):
    """A stream file or a stream's content is not valid."""


class ProgramError(HwaccError):
    """A program file is damaged, or its parts do not fit together."""


class ModelError(HwaccError):
    """A user's model cannot be read or cannot be compiled."""


class TunedError(HwaccError):
    """A file of tuned plans is damaged, or is no such file."""


class InputError(HwaccError):
    """An input given to a model is missing or has the wrong type or shape."""


class MissingToolError(HwaccError):
    """A tool or an optional package is not installed."""


class DeviceError(HwaccError):
    """A device is unknown, cannot be opened, or reports a fault."""


class SubmissionError(DeviceError):
    """The device ended a submission with a status other than ``OK``.

    ``status`` is the :class:`hwacc.isa.Status`; ``descriptor`` the index, in
    the submission, of the descriptor at fault.
    """

    def __init__(self, message: str, status: int, descriptor: int) -> None:
        super().__init__(message)
        self.status = status
        self.descriptor = descriptor


class DeviceTimeoutError(DeviceError):
    """The device did not finish within the time limit."""
