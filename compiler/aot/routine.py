"""Text of a function in MLIR's LLVM dialect, made of calls that may fail.

C code checks what each call returns; here :meth:`Routine.call` adds the check.
On a failure the function goes to its end, which has the code as ``%code``.
"""

from __future__ import annotations

CALLS: dict[str, tuple[str, ...]] = {
    "hwacc_require": ("ptr", "i32", "ptr"),
    "hwacc_alloc": ("ptr", "i64", "ptr"),
    "hwacc_free": ("ptr", "i64"),
    "hwacc_write": ("ptr", "i64", "ptr", "i64"),
    "hwacc_read": ("ptr", "i64", "ptr", "i64"),
    "hwacc_map": ("ptr", "i64", "i64", "ptr"),
    "hwacc_unmap": ("ptr", "ptr"),
    "hwacc_submit": ("ptr", "ptr", "i64", "ptr", "i64", "ptr"),
    "hwacc_wait": ("ptr", "i64", "ptr"),
}
"""What ``driver/hwacc.h`` declares, as far as compiled programs call it: the types of the arguments. All return i32."""


def mlir_type(name: str) -> str:
    """``ptr`` as the dialect writes it; integers are the same."""
    return "!llvm.ptr" if name == "ptr" else name


def declarations() -> str:
    """External functions for :data:`CALLS`."""
    lines = [f"llvm.func @{name}({', '.join(map(mlir_type, types))}) -> i32" for name, types in CALLS.items()]
    return "\n".join(lines)


class Routine:
    """A function under construction; values are names such as ``%3``.

    ``arguments`` are the names of its arguments, all pointers.
    """

    def __init__(self, name: str, arguments: tuple[str, ...]) -> None:
        self.name = name
        self.arguments = arguments
        self._head: list[str] = []
        self._body: list[str] = []
        self._constants: dict[tuple[int, str], str] = {}
        self._count = 0

    def value(self, text: str, head: bool = False) -> str:
        """The result of an operation; with ``head``, of one at the start of the function."""
        name = f"%v{self._count}"
        self._count += 1
        (self._head if head else self._body).append(f"{name} = {text}")
        return name

    def do(self, text: str) -> None:
        """An operation without a result."""
        self._body.append(text)

    def number(self, value: int, kind: str = "i64") -> str:
        """A constant."""
        if (value, kind) not in self._constants:
            self._constants[value, kind] = self.value(f"llvm.mlir.constant({value} : {kind}) : {kind}", head=True)
        return self._constants[value, kind]

    def variable(self, kind: str, count: int = 1) -> str:
        """A pointer to ``count`` variables on the stack, not initialised."""
        return self.value(f"llvm.alloca {self.number(count)} x {mlir_type(kind)} : (i64) -> !llvm.ptr", head=True)

    def null(self) -> str:
        """The null pointer."""
        return self.value("llvm.mlir.zero : !llvm.ptr", head=True)

    def address(self, symbol: str) -> str:
        """The address of a global."""
        return self.value(f"llvm.mlir.addressof @{symbol} : !llvm.ptr")

    def load(self, pointer: str, kind: str) -> str:
        """What lies at ``pointer``."""
        return self.value(f"llvm.load {pointer} : !llvm.ptr -> {mlir_type(kind)}")

    def store(self, value: str, pointer: str, kind: str) -> None:
        """Writes to ``pointer``."""
        self.do(f"llvm.store {value}, {pointer} : {mlir_type(kind)}, !llvm.ptr")

    def element(self, pointer: str, index: int, kind: str) -> str:
        """The address of an element of an array of ``kind``."""
        if index == 0:
            return pointer
        return self.value(f"llvm.getelementptr {pointer}[{index}] : (!llvm.ptr) -> !llvm.ptr, {mlir_type(kind)}")

    def plus(self, value: str, number: int) -> str:
        """An i64 sum."""
        return value if number == 0 else self.value(f"llvm.add {value}, {self.number(number)} : i64")

    def invoke(self, callee: str, *operands: str) -> str:
        """The result of one of :data:`CALLS`, not looked at."""
        types = ", ".join(map(mlir_type, CALLS[callee]))
        return self.value(f"llvm.call @{callee}({', '.join(operands)}) : ({types}) -> i32")

    def call(self, callee: str, *operands: str) -> None:
        """Goes on only if ``callee`` returns 0."""
        code = self.invoke(callee, *operands)
        failed = self.value(f'llvm.icmp "ne" {code}, {self.number(0, "i32")} : i32')
        self.do(f"llvm.cond_br {failed}, ^failed({code} : i32), ^go{self._count}")
        self.do(f"^go{self._count}:")

    def only_if(self, kind: str, value: str) -> None:
        """Returns 0 at once if ``value``, a pointer or an integer, is 0."""
        zero = self.null() if kind == "ptr" else self.number(0, kind)
        there = self.value(f'llvm.icmp "ne" {value}, {zero} : {mlir_type(kind)}')
        self.do(f"llvm.cond_br {there}, ^go{self._count}, ^done")
        self.do(f"^go{self._count}:")

    def on_failure(self) -> None:
        """What follows is done after a failure. Ends the way without one."""
        self.do("llvm.br ^done")
        self.do("^failed(%code: i32):")

    def text(self) -> str:
        """The function; :meth:`on_failure` must have been called."""
        zero = self.number(0, "i32")
        signature = ", ".join(f"{name}: !llvm.ptr" for name in self.arguments)
        ending = ["llvm.return %code : i32", "^done:", f"llvm.return {zero} : i32"]
        lines = [line if line.startswith("^") else f"  {line}" for line in [*self._head, *self._body, *ending]]
        return "\n".join([f"llvm.func @{self.name}({signature}) -> i32 {{", *lines, "}"])
