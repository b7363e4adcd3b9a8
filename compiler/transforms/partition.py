"""Decides which operations run together as one task.

Every array operation is a task; so is every contraction that stays on the CPU
(a depthwise convolution, say), together with the padding before it and the
elementwise operations that finish its result. What remains is cut into
as few groups as possible: an operation is put as late as its users allow, and
connected operations of one *depth* (the number of changes between tasks on the
way there) form a group. No path leaves a group and comes back, because a
path through another task grows the depth.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hwacc.compiler.constants import constant_array
from hwacc.compiler.dialects.hwacc import TENSOR_OPS
from hwacc.compiler.transforms.build import VIEWS, defining, users
from hwacc.compiler.transforms.contraction_size import is_contraction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlir import ir


@dataclass
class Group:
    """Operations of one task, in order; ``seed`` is the contraction among them, if there is one."""

    ops: list[ir.Operation] = field(default_factory=list)
    seed: ir.Operation | None = None


def outer_operands(op: ir.Operation) -> list[ir.Value]:
    """What ``op`` and the operations in its regions use of the block in which ``op`` stands."""
    values, work = [], [op]
    while work:
        current = work.pop()
        values += [value for value in current.operands if owner_block(value) == op.block]
        work += [inner.operation for region in current.regions for block in region.blocks for inner in block.operations]
    return values


def owner_block(value: ir.Value) -> ir.Block:
    """The block whose argument ``value`` is, or in which it is computed."""
    op = defining(value)
    return value.owner if op is None else op.block


def is_cheap(op: ir.Operation) -> bool:
    """Whether every task that needs the result makes it itself: constants, views, empty and filled tensors, single numbers."""
    if op.name in ("arith.constant", "tensor.empty", *VIEWS) or is_number(op):
        return True
    return op.name == "linalg.fill" and constant_array(op.operands[0]) is not None


def is_number(op: ir.Operation) -> bool:
    """Whether ``op`` computes a single number, or reads one from a tensor, or its size: no buffer holds it."""
    return op.name in ("tensor.extract", "tensor.dim") or (
        op.name.startswith(("arith.", "index.", "math.")) and not is_tensor(op.results[0])
    )


def is_tensor(value: ir.Value) -> bool:
    """Whether a value is a tensor."""
    from mlir import ir

    return isinstance(value.type, ir.RankedTensorType)


def producers(op: ir.Operation) -> list[ir.Operation]:
    """The operations, other than cheap ones, whose results ``op`` needs."""
    found, work = [], outer_operands(op)
    while work:
        producer = defining(work.pop())
        if producer is None:
            continue
        if is_cheap(producer):
            work += producer.operands
        else:
            found.append(producer)
    return found


def partition(block: ir.Block) -> list[Group]:
    """The tasks of a function's body, in an order in which they can run."""
    ops = [op.operation for op in block.operations][:-1]
    ops = [op for op in ops if not is_cheap(op)]
    position = {op: index for index, op in enumerate(ops)}
    before = [[position[producer] for producer in producers(op)] for op in ops]
    cluster = clusters(ops, position)
    depth = depths(before, cluster)
    groups = collect(ops, before, cluster, depth)
    return in_order(groups, before, position)


def clusters(ops: list[ir.Operation], position: dict[ir.Operation, int]) -> list[int | None]:
    """For each operation the contraction that it belongs to, or None for those that may be grouped freely."""
    cluster: list[int | None] = [None] * len(ops)
    for index, op in enumerate(ops):
        if op.name in TENSOR_OPS or is_contraction(op):
            cluster[index] = index
            if op.name not in TENSOR_OPS:
                for other in (*preparing(op), *finishing(op)):
                    cluster[position[other]] = index
    return cluster


def preparing(seed: ir.Operation) -> list[ir.Operation]:
    """The operations that ``seed`` alone uses and that only pad its input, or make something from constants."""
    alone = [op for op in producers(seed) if len(op.results) == 1 and len(users(op.results[0])) == 1 and not is_contraction(op)]
    return [op for op in alone if op.name == "tensor.pad" or not (producers(op) or arguments(op))]


def arguments(op: ir.Operation) -> list[ir.Value]:
    """The arguments of the function that ``op`` uses, also through cheap operations such as views."""
    found, work = [], outer_operands(op)
    while work:
        value = work.pop()
        producer = defining(value)
        if producer is None:
            found.append(value)
        elif is_cheap(producer):
            work += producer.operands
    return found


def finishing(seed: ir.Operation) -> list[ir.Operation]:
    """The chain of elementwise operations behind ``seed`` that have no other input but constants."""
    chain: list[ir.Operation] = []
    value = seed.results[0]
    while True:
        following = users(value)
        if len(following) != 1:
            return chain
        op = following[0]
        if op.name in VIEWS:
            value = op.results[0]
        elif (
            op.name == "linalg.generic"
            and len(producers(op)) == 1
            and all("parallel" in str(kind) for kind in op.attributes["iterator_types"])
        ):
            chain.append(op)
            value = op.results[0]
        else:
            return chain


def depths(before: list[list[int]], cluster: list[int | None]) -> list[int]:
    """For each operation how many changes of task lie before it, as late as its users allow."""

    def step(first: int, second: int) -> int:
        return int(first_differs(cluster, first, second))

    depth = [0] * len(before)
    for index, producers_of in enumerate(before):
        depth[index] = max((depth[p] + step(p, index) for p in producers_of), default=0)
    depth = level_clusters(depth, cluster)
    after: list[list[int]] = [[] for _ in before]
    for index, producers_of in enumerate(before):
        for producer in producers_of:
            after[producer].append(index)
    for index in reversed(range(len(before))):
        if cluster[index] is None and after[index]:
            depth[index] = min(depth[user] - step(index, user) for user in after[index])
    return depth


def first_differs(cluster: list[int | None], first: int, second: int) -> bool:
    """Whether two operations cannot be in one task."""
    return cluster[first] != cluster[second]


def level_clusters(depth: list[int], cluster: list[int | None]) -> list[int]:
    """Depths with all members of a cluster at the depth of its deepest."""
    deepest: dict[int, int] = {}
    for value, seed in zip(depth, cluster):
        if seed is not None:
            deepest[seed] = max(deepest.get(seed, 0), value)
    return [value if seed is None else deepest[seed] for value, seed in zip(depth, cluster)]


def collect(ops: list[ir.Operation], before: list[list[int]], cluster: list[int | None], depth: list[int]) -> list[Group]:
    """Groups: the clusters, and the connected free operations of one depth."""
    leader = list(range(len(ops)))

    def find(index: int) -> int:
        while leader[index] != index:
            index = leader[index]
        return index

    for index, seed in enumerate(cluster):
        if seed is not None:
            leader[find(index)] = find(seed)
        for producer in before[index]:
            if seed is None and cluster[producer] is None and depth[producer] == depth[index]:
                leader[find(producer)] = find(index)
    groups: dict[int, Group] = {}
    for index, op in enumerate(ops):
        group = groups.setdefault(find(index), Group())
        group.ops.append(op)
        if cluster[index] == index:
            group.seed = op
    return list(groups.values())


def in_order(groups: list[Group], before: list[list[int]], position: dict[ir.Operation, int]) -> list[Group]:
    """``groups`` so that each comes after those that it needs, else as in the source."""
    home = {position[op]: number for number, group in enumerate(groups) for op in group.ops}
    needs = [{home[p] for op in group.ops for p in before[position[op]]} - {number} for number, group in enumerate(groups)]
    ready = [(last_position(groups[number], position), number) for number, need in enumerate(needs) if not need]
    heapq.heapify(ready)
    order = []
    while ready:
        _, number = heapq.heappop(ready)
        order.append(groups[number])
        for other in waiting_for(number, needs):
            heapq.heappush(ready, (last_position(groups[other], position), other))
    assert len(order) == len(groups), "tasks depend on each other in a circle"
    return order


def waiting_for(number: int, needs: list[set[int]]) -> Iterable[int]:
    """Strikes ``number`` off all needs; the groups that then need nothing more."""
    for other, need in enumerate(needs):
        if number in need:
            need.remove(number)
            if not need:
                yield other


def last_position(group: Group, position: dict[ir.Operation, int]) -> int:
    """Where the group's last operation stands in the source."""
    return max(position[op] for op in group.ops)
