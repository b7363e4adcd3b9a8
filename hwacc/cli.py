"""The ``hwacc`` command: verbs, and how errors look to a user.

Each verb is a module in ``hwacc/commands`` and imports its layer only when it
runs, so that ``hwacc --help`` is quick and needs nothing but click.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

from hwacc.errors import HwaccError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 and the number of SIGINT."""

VERBS: dict[str, str] = {
    "generate": "Write the accelerator as Verilog.",
    "area": "Say what the accelerator takes of an FPGA.",
    "compile": "Compile a model to a program, or show a stage of that.",
    "opt": "Run passes on MLIR, ours and upstream's, as mlir-opt does.",
    "build-sim": "Write the simulated accelerator as a library for C.",
    "disasm": "Print a descriptor stream, or the streams of a program.",
    "run": "Run a model on the accelerator and say where its time went.",
    "bench": "Measure the hardware and the simulator.",
    "devices": "List the devices that can run programs.",
}


class Verbs(click.Group):
    """Imports a verb's module when it is called, and turns errors into one line and an exit code."""

    def list_commands(self, context: click.Context) -> list[str]:
        """The verbs, in the order in which a user meets them."""
        return list(VERBS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The verb called ``name``: ``command`` in the module of that name."""
        if name not in VERBS:
            return None
        module = import_module(f"hwacc.commands.{name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the verbs without importing them."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def invoke(self, context: click.Context) -> Any:
        """Runs a verb; a :class:`HwaccError` becomes one line on stderr and exit code 1, wrong usage one with exit code 2."""
        try:
            return super().invoke(context)
        except HwaccError as error:
            click.echo(f"hwacc: error: {' '.join(str(error).split())}", err=True)
            context.exit(1)
        except click.UsageError as error:
            path = error.ctx.command_path if error.ctx else "hwacc"
            click.echo(f"hwacc: error: {' '.join(error.format_message().split())} (`{path} -h` says more)", err=True)
            context.exit(error.exit_code)
        except MemoryError:
            click.echo("hwacc: error: this is more than the memory of this machine holds; try something smaller", err=True)
            context.exit(1)
        except KeyboardInterrupt:
            click.echo("hwacc: interrupted", err=True)
            context.exit(INTERRUPTED)
        except BrokenPipeError:
            # Whoever read our output has gone (`hwacc disasm x | head`): nothing is wrong. Python flushes stdout
            # once more on its way out, which must find a file that takes it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            context.exit(0)


@click.group("hwacc", cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="hwacc")
def main() -> None:
    """An open GEMM accelerator: hardware, compiler, driver and simulator.

    \b
    Examples:
      hwacc run model.tflite --input picture.png --check
      hwacc compile model.tflite --emit stream
      hwacc bench gemm --shapes 512x512x512 --out i8
      hwacc generate --rows 8 --cols 8 -o hwacc.v
    """


if __name__ == "__main__":
    main()
