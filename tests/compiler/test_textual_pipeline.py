"""Pass pipelines as text: what is ours, what is upstream's, and what is wrong with a bad one."""

from __future__ import annotations

import pytest

from hwacc.compiler.context import new_context
from hwacc.compiler.opt import PASSES
from hwacc.compiler.textual_pipeline import read_pipeline
from hwacc.compiler.transforms.passes import Step
from hwacc.compiler.upstream import upstream_passes
from hwacc.errors import ModelError


def read(text: str) -> list[Step]:
    with new_context():
        return read_pipeline(text, PASSES)


def names(steps: list[Step]) -> list[str]:
    return [step if isinstance(step, str) else f"<{step.name}>" for step in steps]


@pytest.mark.parametrize("text", ["builtin.module(canonicalize,fold-zero-points,cse)", " canonicalize, fold-zero-points,cse "])
def test_the_anchor_may_be_left_out(text: str) -> None:
    assert names(read(text)) == ["canonicalize", "<fold-zero-points>", "cse"]


def test_nesting_and_options_stay_with_their_pass() -> None:
    element = "func.func(canonicalize{max-iterations=3 top-down=false},cse)"
    assert names(read(f"builtin.module({element},any(cse),verify-hwacc)")) == [element, "any(cse)", "<verify-hwacc>"]


def test_an_empty_pipeline_has_no_steps() -> None:
    assert read("") == read("builtin.module()") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("canonicalise", "unknown pass 'canonicalise'; did you mean canonicalize?"),
        ("cse,fold-zero-point", "unknown pass 'fold-zero-point'; did you mean fold-zero-points?"),
        ("func.func(cse,canonicaliz)", "unknown pass 'canonicaliz'; did you mean canonicalize?"),
        ("qqqqqq", "unknown pass 'qqqqqq'; `hwacc opt --list-passes` lists them"),
        ("builtin.module(cse", "pass pipeline: ')' is missing at the end: builtin.module(cse"),
        ("cse)", "pass pipeline: ')' at character 4 closes nothing: cse)"),
        ("func.func(cse}", "pass pipeline: '}' at character 14 closes nothing: func.func(cse}"),
        ("cse,,cse", "pass pipeline: a pass is missing: two commas, or one at an end"),
        ("cse,", "pass pipeline: a pass is missing: two commas, or one at an end"),
        ("!cse", "pass pipeline: a pass is missing before '!cse'"),
        ("fold-zero-points{x=1}", "pass pipeline: fold-zero-points takes no options and holds no passes: fold-zero-points{x=1}"),
        ("func.func(verify-hwacc)", "pass pipeline: verify-hwacc works on a whole builtin.module; move it out of func.func(...)"),
        ("cse{colour=red}", "pass pipeline: no such option colour; failed to add `cse` with options `colour=red`"),
    ],
)
def test_a_bad_pipeline_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ModelError) as caught:
        read(text)
    assert str(caught.value) == message


def test_upstream_s_passes_are_known_with_what_they_do() -> None:
    passes = upstream_passes()
    assert passes["canonicalize"] == "Canonicalize operations" and len(passes) > 100
    assert not passes.keys() & PASSES.keys()
