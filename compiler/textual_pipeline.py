"""Reads ``--pass-pipeline``: upstream's syntax, with our passes beside upstream's.

    builtin.module(normalise-contractions,func.func(canonicalize{max-iterations=3},cse),fold-zero-points)

Our passes are Python, unknown to upstream's parser, so the list inside
``builtin.module(...)`` is cut at its own commas: a name of ours becomes the
pass, everything else goes to upstream's parser as it stands, nesting and
options included. Ours work on a whole module and take no options.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping

from hwacc.compiler.transforms.passes import Pass, Step
from hwacc.compiler.upstream import upstream_passes
from hwacc.errors import ModelError

ANCHOR = "builtin.module"
CLOSING = {"(": ")", "{": "}", "[": "]"}
UNKNOWN = re.compile(r"'([^']+)' does not refer to a registered pass")
NAME = re.compile(r"[\w.-]+")


def read_pipeline(text: str, ours: Mapping[str, Pass]) -> list[Step]:
    """The steps of a textual pipeline; the anchor ``builtin.module(...)`` may be left out.

    ``ours`` are the passes of Python by name. Raises :class:`ModelError` in one
    line for brackets that do not match, for an unknown pass, for options that a
    pass does not have, and for one of ours inside another operation's pipeline.
    """
    return [step_of(element, ours) for element in elements(without_anchor(text.strip()))]


def without_anchor(text: str) -> str:
    """What stands between the brackets of ``builtin.module(...)``, or all of ``text`` where they do not enclose it."""
    parts = elements(text)
    if len(parts) == 1 and parts[0].startswith(f"{ANCHOR}(") and parts[0].endswith(")"):
        return parts[0][len(ANCHOR) + 1 : -1]
    return text


def elements(text: str) -> list[str]:
    """``text`` cut at the commas that no bracket encloses; raises :class:`ModelError` where brackets do not match."""
    return [part.strip() for part in cut(text)] if text.strip() else []


def cut(text: str) -> Iterator[str]:
    """The parts between the outer commas."""
    start, awaited = 0, list[str]()
    for position, sign in enumerate(text):
        if sign in CLOSING:
            awaited.append(CLOSING[sign])
        elif sign in CLOSING.values():
            if not awaited or awaited.pop() != sign:
                raise ModelError(f"pass pipeline: {sign!r} at character {position + 1} closes nothing: {text[: position + 1]}")
        elif sign == "," and not awaited:
            yield text[start:position]
            start = position + 1
    if awaited:
        raise ModelError(f"pass pipeline: {awaited[-1]!r} is missing at the end: {text}")
    yield text[start:]


def step_of(element: str, ours: Mapping[str, Pass]) -> Step:
    """One element: a pass of ours, or upstream's text once its parser has accepted it."""
    found = NAME.match(element)
    if found is None:
        raise ModelError(f"pass pipeline: a pass is missing{f' before {element!r}' if element else ': two commas, or one at an end'}")
    name = found[0]
    if name in ours:
        if element != name:
            raise ModelError(f"pass pipeline: {name} takes no options and holds no passes: {element}")
        return ours[name]
    for inner in NAME.findall(element[len(name) :]):
        if inner in ours and "(" in element:
            raise ModelError(f"pass pipeline: {inner} works on a whole {ANCHOR}; move it out of {name}(...)")
    require_upstream(element, ours)
    return element


def require_upstream(element: str, ours: Collection[str]) -> None:
    """Raises :class:`ModelError` in one line unless upstream's parser takes ``element`` in a module's pipeline."""
    from mlir.passmanager import PassManager

    try:
        PassManager.parse(f"{ANCHOR}({element})")
    except ValueError as error:
        unknown = UNKNOWN.search(str(error))
        raise ModelError(unknown_pass(unknown[1], ours) if unknown else f"pass pipeline: {complaint(str(error))}") from None


def unknown_pass(name: str, ours: Collection[str]) -> str:
    """Says that there is no such pass, and which one is nearest."""
    near = difflib.get_close_matches(name, [*ours, *upstream_passes()], n=1)
    return f"unknown pass {name!r}; " + (f"did you mean {near[0]}?" if near else "`hwacc opt --list-passes` lists them")


def complaint(text: str) -> str:
    """Upstream's parser errors on one line: the cause, then the pass that it was found in."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    return "; ".join(line.removeprefix("<Pass-Options-Parser>: ") for line in lines[:2])
