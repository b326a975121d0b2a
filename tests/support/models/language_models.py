"""Qwen2 made tiny, with random weights and a tokenizer of its own, as `save_pretrained` writes it."""

import torch

from actors.micro.planner.planner import build_tokenizer, network, save
from actors.micro.specs import PlannerTraining
from planners.chat.layout_brief import brief_request
from planners.chat.layout_prompt import EXAMPLES


def save_qwen2(folder):
    """Its tokenizer knows bytes and a few words of the questions."""
    texts = [(brief_request(each.cast, each.ground_line).prompt, '{"0":[10,2]}') for each in EXAMPLES]
    tokenizer = build_tokenizer(texts, 400)
    torch.manual_seed(0)
    net = network(PlannerTraining(hidden=64, layers=2, heads=2, inner=64), tokenizer)
    save(folder, net, tokenizer)
    return folder
