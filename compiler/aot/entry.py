"""The three functions that a C program calls: ``NAME_init``, ``NAME_run``, ``NAME_free``.

Their first argument points to ``NAME_model``, which the caller owns: the
device, the address of the arena, the device cycles of the last run.
Array tasks in a row are one submission where their streams can be linked; else
they are submitted one behind the other and waited for together. :mod:`.header` declares all this in C.
"""

from __future__ import annotations

from hwacc.compiler.aot.layout import Layout, Step
from hwacc.compiler.aot.routine import Routine
from hwacc.program import Program

DEVICE, ARENA, CYCLES = range(3)
"""Fields of the model's structure, 8 bytes each."""
COMPLETION = "struct<(i32, i32, i64)>"
"""``hwacc_completion``."""


def constant_symbol(index: int) -> str:
    """The global that holds a constant buffer."""
    return f"constant_{index}"


def stream_symbol(number: int) -> str:
    """The global that holds the stream of an array task."""
    return f"stream_{number}"


def task_symbol(number: int) -> str:
    """The function of a CPU task."""
    return f"task_{number}"


NAME_SYMBOL = "name"
"""The global that holds the program's name, as a C string."""


def init_function(name: str, program: Program, layout: Layout) -> str:
    """``int NAME_init(NAME_model *, hwacc_device *)``: the arena, with its constants; nothing stays taken if it fails."""
    routine = Routine(f"{name}_init", ("%model", "%device"))
    taken = routine.variable("i64")
    held = routine.variable("ptr")
    null = routine.null()
    for place, kind in ((held, "ptr"), (routine.element("%model", DEVICE, "i64"), "ptr")):
        routine.store(null, place, kind)
    routine.call("hwacc_require", "%device", routine.number(signed(program.config.hash), "i32"), routine.address(NAME_SYMBOL))
    routine.call("hwacc_alloc", "%device", routine.number(layout.size), taken)
    routine.store("%device", held, "ptr")
    arena = routine.load(taken, "i64")
    for index, offset in layout.offsets.items():
        size = program.buffers[index].size
        if program.buffers[index].role == "constant" and size:
            source = routine.address(constant_symbol(index))
            routine.call("hwacc_write", "%device", routine.plus(arena, offset), source, routine.number(size))
    routine.store("%device", "%model", "ptr")
    routine.store(arena, routine.element("%model", ARENA, "i64"), "i64")
    routine.store(routine.number(0), routine.element("%model", CYCLES, "i64"), "i64")
    routine.on_failure()
    release(routine, held, taken)
    return routine.text()


def release(routine: Routine, held: str, taken: str) -> None:
    """Frees the arena if ``held`` has a device."""
    device = routine.load(held, "ptr")
    there = routine.value(f'llvm.icmp "ne" {device}, {routine.null()} : !llvm.ptr')
    routine.do(f"llvm.cond_br {there}, ^release, ^end")
    routine.do("^release:")
    routine.invoke("hwacc_free", device, routine.load(taken, "i64"))
    routine.do("llvm.br ^end")
    routine.do("^end:")


def free_function(name: str) -> str:
    """``int NAME_free(NAME_model *)``: gives the arena back; may be called twice, and after a failed init."""
    routine = Routine(f"{name}_free", ("%model",))
    device = routine.load("%model", "ptr")
    routine.only_if("ptr", device)
    arena = routine.load(routine.element("%model", ARENA, "i64"), "i64")
    routine.store(routine.null(), "%model", "ptr")
    routine.call("hwacc_free", device, arena)
    routine.on_failure()
    return routine.text()


def run_function(name: str, program: Program, layout: Layout) -> str:
    """``int NAME_run(NAME_model *, const void *const *inputs, void *const *outputs)``."""
    return RunFunction(name, program, layout).text()


class RunFunction:
    """Builds ``NAME_run``."""

    def __init__(self, name: str, program: Program, layout: Layout) -> None:
        self.program = program
        self.layout = layout
        self.routine = routine = Routine(f"{name}_run", ("%model", "%inputs", "%outputs"))
        self.device = routine.load("%model", "ptr")
        self.arena = routine.load(routine.element("%model", ARENA, "i64"), "i64")
        self.cycles = routine.element("%model", CYCLES, "i64")
        widest = max((len(step.code.buffers) for step in layout.steps), default=1)
        self.addresses = routine.variable("i64", max(1, widest))
        self.mapped = routine.variable("ptr", max(1, widest))
        self.ticket = routine.variable("i64")
        self.completion = routine.variable(f"!llvm.{COMPLETION}")
        self.waiting = False

    def text(self) -> str:
        """The function."""
        routine = self.routine
        routine.store(routine.number(0), self.ticket, "i64")
        routine.store(routine.number(0), self.cycles, "i64")
        self.copy_inputs()
        for number, step in enumerate(self.layout.steps):
            if step.code.backend == "hwacc":
                self.submit(number, step)
            else:
                self.wait()
                self.compute(number, step)
        self.wait()
        self.copy_outputs()
        routine.on_failure()
        # A later run writes to the arena at once: nothing of this one may still be on its way.
        self.drain()
        return routine.text()

    def copy_inputs(self) -> None:
        """Inputs that the array reads."""
        for position, index in enumerate(self.program.indices("input")):
            if index in self.layout.offsets:
                source = self.routine.load(self.routine.element("%inputs", position, "ptr"), "ptr")
                self.routine.call("hwacc_write", self.device, self.place(index), source, self.size(index))

    def copy_outputs(self) -> None:
        """Outputs that lie in the arena."""
        for position, index in enumerate(self.program.indices("output")):
            if index in self.layout.offsets:
                target = self.routine.load(self.routine.element("%outputs", position, "ptr"), "ptr")
                self.routine.call("hwacc_read", self.device, self.place(index), target, self.size(index))

    def submit(self, number: int, step: Step) -> None:
        """Starts an array task."""
        routine = self.routine
        for slot, index in enumerate(step.code.buffers):
            routine.store(self.place(index), routine.element(self.addresses, slot, "i64"), "i64")
        stream, size = routine.address(stream_symbol(number)), routine.number(len(step.code.code))
        routine.call("hwacc_submit", self.device, stream, size, self.addresses, routine.number(len(step.code.buffers)), self.ticket)
        self.waiting = True

    def wait(self) -> None:
        """Waits for the array tasks that were started, and counts their cycles."""
        if not self.waiting:
            return
        routine = self.routine
        ticket = routine.load(self.ticket, "i64")
        routine.store(routine.number(0), self.ticket, "i64")
        routine.call("hwacc_wait", self.device, ticket, self.completion)
        place = routine.value(f"llvm.getelementptr {self.completion}[0, 2] : (!llvm.ptr) -> !llvm.ptr, !llvm.{COMPLETION}")
        new, old = routine.load(place, "i64"), routine.load(self.cycles, "i64")
        routine.store(routine.value(f"llvm.add {old}, {new} : i64"), self.cycles, "i64")
        self.waiting = False

    def compute(self, number: int, step: Step) -> None:
        """Calls a CPU task, with what lies in the arena mapped meanwhile."""
        routine = self.routine
        mapped = [(i, index) for i, index in enumerate(step.code.buffers) if self.is_mapped(index)]
        for i, index in mapped:
            routine.call("hwacc_map", self.device, self.place(index), self.size(index), routine.element(self.mapped, i, "ptr"))
        pointers = [self.host_pointer(i, index) for i, index in enumerate(step.code.buffers)]
        types = ", ".join(["!llvm.ptr"] * len(pointers))
        routine.do(f"llvm.call @{task_symbol(number)}({', '.join(pointers)}) : ({types}) -> ()")
        for i, _ in mapped:
            routine.call("hwacc_unmap", self.device, routine.load(routine.element(self.mapped, i, "ptr"), "ptr"))

    def is_mapped(self, index: int) -> bool:
        """Whether a CPU task finds the buffer in the arena: inputs and constants it finds sooner elsewhere."""
        return index in self.layout.offsets and self.program.buffers[index].role in ("intermediate", "output")

    def host_pointer(self, argument: int, index: int) -> str:
        """The host's address of a buffer, for argument number ``argument`` of a CPU task."""
        routine, role = self.routine, self.program.buffers[index].role
        if self.is_mapped(index):
            return routine.load(routine.element(self.mapped, argument, "ptr"), "ptr")
        if role == "constant":
            return routine.address(constant_symbol(index))
        position = self.program.indices(role).index(index)
        return routine.load(routine.element(f"%{role}s", position, "ptr"), "ptr")

    def drain(self) -> None:
        """Waits for what is outstanding, whatever comes of it."""
        routine = self.routine
        ticket = routine.load(self.ticket, "i64")
        there = routine.value(f'llvm.icmp "ne" {ticket}, {routine.number(0)} : i64')
        routine.do(f"llvm.cond_br {there}, ^drain, ^end")
        routine.do("^drain:")
        routine.invoke("hwacc_wait", self.device, ticket, routine.null())
        routine.do("llvm.br ^end")
        routine.do("^end:")

    def place(self, index: int) -> str:
        """The device address of a buffer of the arena."""
        return self.routine.plus(self.arena, self.layout.offsets[index])

    def size(self, index: int) -> str:
        """Its bytes."""
        return self.routine.number(self.program.buffers[index].size)


def signed(value: int) -> int:
    """32 bits as MLIR writes an i32."""
    return value - (1 << 32) if value >> 31 else value
