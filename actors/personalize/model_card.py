"""The model card of an artifact: what it knows, what it was made from, and the lines that load it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from actors.models.weights import SHIPPED

TITLES = {"kv": "keys and values of cross-attention", "kv-lora": "LoRAs on keys and values of cross-attention",
          "attn-lora": "LoRAs on all of attention"}  # fmt: skip
LOAD_LORA = 'pipe.load_lora_weights(folder, weight_name="pytorch_lora_weights.safetensors")'
LOAD_KV = """for name, change in load_file(f"{folder}/kv.safetensors").items():
    pipe.unet.get_parameter(name).data += change"""
LOAD = """```python
import torch
from diffusers import DiffusionPipeline
from safetensors.torch import load_file

folder = "."  # of this card
pipe = DiffusionPipeline.from_pretrained({base!r}{revision}, dtype=torch.{dtype})
{weights}
{words}picture = pipe(prompt={prompt!r}, height={side}, width={side}).images[0]
```"""
LOAD_WORDS = """tokens = {tokens!r}
rows = load_file(f"{{folder}}/concepts.safetensors")
"""
LOAD_ROWS = {
    "clip_l": """pipe.load_textual_inversion(
    list(rows["clip_l"]), token=tokens, tokenizer=pipe.tokenizer, text_encoder=pipe.text_encoder
)
""",
    "clip_g": """pipe.load_textual_inversion(
    list(rows["clip_g"]), token=tokens, tokenizer=pipe.tokenizer_2, text_encoder=pipe.text_encoder_2
)
""",
    "qwen3": """pipe.tokenizer.add_tokens(tokens)
numbers = pipe.tokenizer.convert_tokens_to_ids(tokens)
pipe.text_encoder.get_input_embeddings().weight.data[numbers] = rows["qwen3"].to(pipe.dtype)
""",
}


def model_card(manifest: Mapping[str, Any], embeddings: Sequence[str]) -> str:
    """Markdown with the front matter of the hub; `embeddings` are the rows of new tokens, by what they are called."""
    return "\n".join(_lines(manifest, embeddings)) + "\n"


def _lines(manifest: Mapping[str, Any], embeddings: Sequence[str]) -> Iterator[str]:
    base, words = manifest["base"], manifest["words"]
    source, revision = manifest["base_from"]
    yield from ("---", f"license: {base['license']}", f"base_model: {base['name']}")
    yield from (
        "library_name: diffusers",
        "pipeline_tag: text-to-image",
        "tags: [mycanvas, custom-diffusion]",
        "---",
        "",
    )
    yield from (f"# {', '.join(each['concept'] for each in words)}", "")
    new = ", and new words" if embeddings else ""
    yield f"Custom Diffusion on {base['name']} ({base['revision']}): {TITLES[manifest['method']]}{new}."
    yield from ("", "| concept | in prompts |", "|---|---|")
    yield from (f"| {each['concept']} | `{each['token']} {each['class_name']}` |" for each in words)
    yield from ("", "## Use", "")
    first = words[0]
    yield LOAD.format(
        base=source.replace(SHIPPED, "weights/"),  # plain diffusers knows folders and the hub
        revision=f", revision={revision!r}" if revision else "",
        weights=LOAD_KV if manifest["method"] == "kv" else LOAD_LORA,
        words=_loading_words(manifest["tokens"], embeddings),
        side=manifest["side"],
        dtype="bfloat16" if manifest["spec"].get("half") else "float32",
        prompt=f"photo of a {first['token']} {first['class_name']}",
    )
    yield from ("", "## Made from", "")
    data = manifest["data"]
    yield f"- {data.get('rows', '?')} rows of `{data.get('uri', '?')}` ({data.get('fingerprint', '?')})"
    yield f"- licences of the sources: {', '.join(manifest['licenses']) or 'unknown'}; of the base: {base['license']}"
    yield from _matrix(manifest["metrics"])


def _loading_words(tokens: Sequence[str], embeddings: Sequence[str]) -> str:
    first = LOAD_WORDS.format(tokens=tokens) if embeddings else ""
    return first + "".join(LOAD_ROWS[name] for name in embeddings)


def _matrix(metrics: Mapping[str, Any]) -> Iterator[str]:
    if "identity" not in metrics:
        return
    names = metrics["concepts"]
    yield from ("", "## Who resembles whom", "")
    model = metrics["identity_model"]
    yield f"Mean cosine of what was drawn for a row's concept with pictures of a column's, by {model}."
    yield from ("", f"| | {' | '.join(names)} |", f"|---|{'---|' * len(names)}")
    for name, row in zip(names, metrics["identity"], strict=True):
        yield f"| {name} | {' | '.join(f'{value:.3f}' for value in row)} |"
