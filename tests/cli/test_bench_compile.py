"""``hwacc bench compile``."""

from __future__ import annotations

import json

from hwacc.commands.bench_compile import random_sizes
from tests.cli.command import hwacc


def test_every_product_is_of_another_size_and_runs_on_the_array() -> None:
    answer = json.loads(hwacc("bench", "compile", "--products", 3, "--seed", 3, "--json").stdout)
    assert (answer["products"], answer["on_array"], answer["seed"]) == (3, 3, 3)
    assert answer["cpu_seconds"] > 0 and answer["seconds"] > 0
    assert hwacc("bench", "compile", "--products", 1).stdout.startswith("1 products, 1 tasks on the array: ")


def test_sizes_are_the_same_for_the_same_seed_and_never_twice_the_same() -> None:
    sizes = random_sizes(2000, 7)
    assert sizes == random_sizes(2000, 7) != random_sizes(2000, 8) and len(set(sizes)) == 2000
