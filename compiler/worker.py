"""One compilation, as a program: ``python -m hwacc.compiler.worker REQUEST``.

REQUEST is JSON: ``model``, ``output``, and ``config`` with ``backends`` and
``fallback`` for a program (``.hwx``) or ``stage`` for text, or ``optimise`` with what ``hwacc opt``
is asked for, or a ``target`` for an object file and its header, where ``model`` is a program. Prints JSON
lines: ``{"task": NAME}`` as it goes, at the end ``{"done": true}``, with what else there is to say, or
``{"error": MESSAGE, "type": CLASS}``. ``fixed`` says what the user fixed of the inputs, ``quantisation`` what is to become of floats;
``tuned`` is a file of tuned plans.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
from pathlib import Path
from typing import Any

from hwacc.compiler.aot.object_files import write_object_files
from hwacc.compiler.compilation import Compilation, stage_text
from hwacc.compiler.importers.fixed import Fixed
from hwacc.compiler.opt import Wish, optimise_file
from hwacc.compiler.quantisation import Quantisation
from hwacc.config import ArrayConfig
from hwacc.errors import HwaccError
from hwacc.program import load_program

OBJECTS_BETWEEN_COLLECTIONS = 50_000
"""Hardly any are garbage in a cycle, while plans of large models are many objects to look through: a tenth of the time, at Python's 700."""


def main() -> int:
    """Does the request in ``argv[1]``."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    try:
        answer = serve(json.loads(sys.argv[1]))
    except HwaccError as error:
        say({"error": str(error), "type": type(error).__name__})
    else:
        say({"done": True, **answer})
    return 0


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """Compiles, and writes what was asked for; what the answer says beside."""
    model, output = Path(request["model"]), Path(request["output"])
    if "optimise" in request:
        made = optimise_file(model, request["name"], Wish(**request["optimise"]))
        output.write_text(made.text)
        return {"seconds": made.seconds, "errors": made.errors}
    if "target" in request:
        write_object_files(load_program(model), request["target"], output)
        return {}
    config = ArrayConfig.from_dict(request["config"])
    fixed = Fixed.from_dict(request["fixed"]) if "fixed" in request else None
    quantisation = Quantisation.from_dict(request["quantisation"]) if "quantisation" in request else None
    wishes: dict[str, Any] = {"fixed": fixed, "quantisation": quantisation, "tuned": Path(request["tuned"]) if "tuned" in request else None}
    if "stage" in request:
        output.write_text(stage_text(model, config, request["stage"], **wishes))
        return {}
    wishes["fallback"] = request["fallback"]
    compilation = Compilation(model, config, lambda task: say({"task": task}), request["backends"], **wishes)
    compilation.program.save(output)
    return {"notes": compilation.notes}


def say(message: dict[str, Any]) -> None:
    """One line for the caller."""
    print(json.dumps(message), flush=True)  # noqa: T201  # the output is this program's interface


if __name__ == "__main__":
    sys.exit(main())
