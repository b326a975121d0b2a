"""The model card of an artifact: what it knows, what it was made from, and the lines that load it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

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
pipe = DiffusionPipeline.from_pretrained({base!r}{revision}, dtype=torch.float32)
{weights}
tokens = {tokens!r}
rows = load_file(f"{{folder}}/concepts.safetensors")
pipe.load_textual_inversion(
    list(rows["clip_l"]), token=tokens, tokenizer=pipe.tokenizer, text_encoder=pipe.text_encoder
)
{second}
picture = pipe({prompt!r}, height={side}, width={side}).images[0]
```"""
LOAD_SECOND = """pipe.load_textual_inversion(
    list(rows["clip_g"]), token=tokens, tokenizer=pipe.tokenizer_2, text_encoder=pipe.text_encoder_2
)"""


def model_card(manifest: Mapping[str, Any], *, two_encoders: bool = False) -> str:
    """Markdown with the front matter of the hub; `two_encoders` as SDXL has them."""
    return "\n".join(_lines(manifest, two_encoders=two_encoders)) + "\n"


def _lines(manifest: Mapping[str, Any], *, two_encoders: bool) -> Iterator[str]:
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
    yield f"Custom Diffusion on {base['name']} ({base['revision']}): {TITLES[manifest['method']]}, and new words."
    yield from ("", "| concept | in prompts |", "|---|---|")
    yield from (f"| {each['concept']} | `{each['token']} {each['class_name']}` |" for each in words)
    yield from ("", "## Use", "")
    first = words[0]
    yield LOAD.format(
        base=source,
        revision=f", revision={revision!r}" if revision else "",
        weights=LOAD_KV if manifest["method"] == "kv" else LOAD_LORA,
        tokens=manifest["tokens"],
        second=LOAD_SECOND if two_encoders else "",
        side=manifest["side"],
        prompt=f"photo of a {first['token']} {first['class_name']}",
    )
    yield from ("", "## Made from", "")
    data = manifest["data"]
    yield f"- {data.get('rows', '?')} rows of `{data.get('uri', '?')}` ({data.get('fingerprint', '?')})"
    yield f"- licences of the sources: {', '.join(manifest['licenses']) or 'unknown'}; of the base: {base['license']}"
    yield from _matrix(manifest["metrics"])


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
