"""What a compilation can show of itself. A file of its own, without imports, so that the command line can list it at once."""

STAGES = {
    "linalg": "as imported: upstream MLIR",
    "normalised": "contractions in the hwacc dialect, constants folded, epilogues fused",
    "tasks": "one function for each task, with its backend and why not the array",
    "buffers": "the memory between tasks: what lies where",
    "machine": "loads, computes and stores of the array's tasks",
    "hwacc": "tasks and machine, in one file",
    "stream": "the descriptors of each task on the array",
    "llvm": "the CPU's tasks, in MLIR's LLVM dialect",
}
"""What :func:`hwacc.compiler.pipeline.emit` can show, in the order in which the compiler comes by."""
