"""What of a base is trained: rows of modifier tokens, and layers of its attention or LoRAs on them.

Custom Diffusion (Kumari et al. 2023) trains `attn2.to_k` and `attn2.to_v`, and one embedding row a concept. The key and
value of the first token, which begins every prompt, take part without a gradient, as in the authors' code.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from actors.personalize.bases.base_model import Base
from actors.personalize.custom_diffusion import Method
from actors.personalize.new_tokens import known_token
from planners.train.prompts import COMPOSITION_TOKEN, ConceptWords

ADAPTER = "concepts"


@final
class TokenRows(nn.Module):
    """Embedding rows of new tokens of one encoder, (tokens, width); every other row of the table stays as it is."""

    def __init__(self, tokenizer: Any, encoder: Any, words: Sequence[tuple[str, str, str]]) -> None:
        super().__init__()
        table: nn.Embedding = encoder.get_input_embeddings()
        started = [_first_row(tokenizer, table, initializer, class_name) for _, initializer, class_name in words]
        tokenizer.add_tokens([token for token, _, _ in words])
        self.ids: list[int] = [int(tokenizer.convert_tokens_to_ids(token)) for token, _, _ in words]
        encoder.resize_token_embeddings(max(len(tokenizer), table.num_embeddings), mean_resizing=False)
        grown: nn.Embedding = encoder.get_input_embeddings()
        grown.requires_grad_(requires_grad=False)
        self.rows = nn.Parameter(torch.stack(started).to(grown.weight.device, torch.float32))
        grown.register_forward_hook(self._put_rows)

    def _put_rows(self, _table: nn.Module, inputs: tuple[Tensor, ...], looked_up: Tensor) -> Tensor:
        for place, number in enumerate(self.ids):
            row = self.rows[place].to(looked_up.dtype)
            looked_up = torch.where((inputs[0] == number).unsqueeze(-1), row, looked_up)
        return looked_up


def add_concepts(base: Base, words: Sequence[ConceptWords], *, composition: bool) -> list[TokenRows]:
    """New tokens in every text encoder of a base; with `composition` one more, for the arrangement.

    Raises:
        UsageError: TRAIN_TOKEN where a tokenizer knows one of them already.
    """
    new = [(each.token, each.initializer, each.class_name) for each in words]
    if composition:
        new.append((COMPOSITION_TOKEN, words[0].initializer, "photo"))
    for tokenizer in {id(each): each for each in base.tokenizers}.values():
        if known := [token for token, _, _ in new if token in tokenizer.get_vocab()]:
            raise known_token(known[0])
    return [TokenRows(*pair, new) for pair in zip(base.tokenizers, base.encoders, strict=True)]


def choose_weights(denoiser: Any, family: type[Base], method: Method, rank: int) -> dict[str, nn.Parameter]:
    """The trained weights of a denoiser by name, which need gradients from now on; all others need none.

    Args:
        denoiser: gets LoRAs, but for `kv`, which trains the weights themselves.
        family: says which of its layers a method trains.
        method: one of the family's.
        rank: of the LoRAs.
    """
    chosen, detached = re.compile(family.layers[method]), re.compile(family.starts_detached)
    if method == "kv":
        for name, layer in denoiser.named_modules():
            if chosen.fullmatch(name):
                layer.weight.requires_grad_()
    else:
        from peft import LoraConfig

        config = LoraConfig(r=rank, lora_alpha=rank, init_lora_weights="gaussian", target_modules=chosen.pattern)
        denoiser.add_adapter(config, adapter_name=ADAPTER)
    for name, layer in denoiser.named_modules():
        if name and detached.fullmatch(name):
            layer.register_forward_hook(_detach_first_token)
    trained = {name: weight for name, weight in denoiser.named_parameters() if weight.requires_grad}
    for weight in trained.values():  # bfloat16 has 8 bits: a step of 1e-4 of a weight would be rounded away
        weight.data = weight.data.float()
    return trained


def _detach_first_token(_layer: nn.Module, _inputs: tuple[Tensor, ...], states: Tensor) -> Tensor:
    return torch.cat([states[:, :1].detach(), states[:, 1:]], 1)


def _first_row(tokenizer: Any, table: nn.Embedding, initializer: str, class_name: str) -> Tensor:
    """The row of a rare word of one token; a tokenizer that has none gives the mean of its tokens for the class."""
    for word in (initializer, class_name):
        tokens = tokenizer(word, add_special_tokens=False).input_ids
        if len(tokens) == 1 or word == class_name:
            break
    return table.weight.detach()[torch.tensor(tokens)].mean(0).clone()
