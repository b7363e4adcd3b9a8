"""One compilation, as a program: ``python -m hwacc.compiler.worker REQUEST``.

REQUEST is JSON: ``model``, ``output``, and ``config`` with ``options`` (:class:`.options.Options`) for a program (``.hwx``), or for
text with ``stage`` beside; or ``optimise`` with what ``hwacc opt`` is asked for, or a ``target`` for an object file and its header,
where ``model`` is a program. Prints JSON lines: ``{"task": NAME}`` as it goes, at the end ``{"done": true}``, with what else there is
to say, or ``{"error": MESSAGE, "type": CLASS}``.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
from pathlib import Path
from typing import IO, Any

from hwacc.compiler.aot.object_files import write_object_files
from hwacc.compiler.compilation import Compilation, stage_text
from hwacc.compiler.emit.chooser import OBJECTS_BETWEEN_COLLECTIONS
from hwacc.compiler.opt import Wish, optimise_file
from hwacc.compiler.options import Options
from hwacc.config import ArrayConfig
from hwacc.errors import HwaccError, ModelError
from hwacc.program import load_program


def main() -> int:
    """Does the request in ``argv[1]``."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    keep_answers_apart()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    request = json.loads(sys.argv[1])
    try:
        answer = serve(request)
    except HwaccError as error:
        say({"error": str(error), "type": type(error).__name__})
    except MemoryError as error:
        where = request.get("name", request["model"])
        say({"error": f"{where}: more than the memory of this machine holds ({error})", "type": ModelError.__name__})
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
    config, options = ArrayConfig.from_dict(request["config"]), Options.from_dict(request["options"])
    if "stage" in request:
        output.write_text(stage_text(model, config, request["stage"], options))
        return {}
    compilation = Compilation(model, config, options, lambda task: say({"task": task}))
    compilation.program.save(output)
    return {"notes": compilation.notes}


def keep_answers_apart() -> None:
    """Leaves stdout to the answers: what passes print, upstream's and a user's own, goes to stderr."""
    global _answers
    _answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())


_answers: IO[str] = sys.stdout


def say(message: dict[str, Any]) -> None:
    """One line for the caller."""
    print(json.dumps(message), file=_answers, flush=True)


if __name__ == "__main__":
    sys.exit(main())
