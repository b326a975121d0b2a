"""Files of other tools, written as those tools write them, become artifacts that change the pipeline as they would."""

import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file

from actors.personalize.artifact import apply_artifact, read_artifact
from actors.personalize.import_legacy import import_legacy
from actors.personalize.legacy import _diffusers_name
from engine.errors import EnvironmentProblem, UsageError
from engine.rows.values import Model
from tests.support.models.tiny_bases import tiny_sd


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return str(tiny_sd(tmp_path_factory.mktemp("base")))


@pytest.fixture
def trained(base):
    """Keys and values as a training leaves them, and the rows of two tokens."""
    from diffusers import UNet2DConditionModel

    unet = UNet2DConditionModel.from_pretrained(f"{base}/unet")
    torch.manual_seed(1)
    weights = {
        name: (weight + torch.randn_like(weight)).detach()
        for name, weight in unet.named_parameters()
        if name.endswith(("attn2.to_k.weight", "attn2.to_v.weight"))
    }
    return weights, {"<new1>": torch.randn(32), "<new2>": torch.randn(32)}


def authors(folder, weights, rows):
    torch.save({"unet": weights, "modifier_token": rows}, folder / "delta.bin")
    return folder / "delta.bin"


def first_trainer(folder, weights, rows):
    names = {_ldm_name(name): weight for name, weight in weights.items()}
    torch.save({"state_dict": {**names, "embed": torch.stack(list(rows.values()))}}, folder / "delta.ckpt")
    return folder / "delta.ckpt"


def example_pickle(folder, weights, rows):
    state = {
        name.replace(".to_", ".processor.to_").replace(".weight", "_custom_diffusion.weight"): weight
        for name, weight in weights.items()
    }
    torch.save(state, folder / "pytorch_custom_diffusion_weights.bin")
    for token, row in rows.items():
        torch.save({token: row}, folder / f"{token}.bin")
    return folder


def example_tensors(folder, weights, rows):
    example_pickle(folder, weights, rows)
    for file in list(folder.glob("*.bin")):
        save_file(torch.load(file, weights_only=True), file.with_suffix(".safetensors"))
        file.unlink()
    return folder


def _ldm_name(name):
    """Of the tiny base: its second down block, the middle, its first up block."""
    for ours, theirs in (
        ("down_blocks.1.attentions.0.", "input_blocks.4.1."),
        ("mid_block.attentions.0.", "middle_block.1."),
    ):
        name = name.replace(ours, theirs)
    for layer in range(3):
        name = name.replace(f"up_blocks.0.attentions.{layer}.", f"output_blocks.{layer}.1.")
    return f"model.diffusion_model.{name}"


@pytest.mark.parametrize("write", [authors, first_trainer, example_pickle, example_tensors])
def test_each_format_becomes_an_artifact_that_makes_the_weights_what_they_were(base, trained, tmp_path, write):
    from diffusers import DiffusionPipeline

    weights, rows = trained
    made = write(tmp_path, weights, rows)
    tokens = import_legacy(str(made), (base, ""), {"<new1>": "dog"}, str(tmp_path / "out"), 64)
    assert tokens == ["<new1>", "<new2>"]
    manifest = read_artifact(tmp_path / "out")
    assert [each["class_name"] for each in manifest["words"]] == ["dog", ""]
    pipe = DiffusionPipeline.from_pretrained(base, dtype=torch.float32)
    apply_artifact(tmp_path / "out", pipe, Model(**manifest["base"]))
    for name, weight in weights.items():
        torch.testing.assert_close(pipe.unet.get_parameter(name).detach(), weight, rtol=1e-5, atol=1e-5)
    number = pipe.tokenizer.convert_tokens_to_ids("<new2>")
    torch.testing.assert_close(pipe.text_encoder.get_input_embeddings().weight[number].detach(), rows["<new2>"])


def test_factors_are_added_to_the_base(base, trained, tmp_path):
    weights, rows = trained
    name, weight = next(iter(weights.items()))
    factors = {"u": torch.ones(weight.shape[0], 2), "v": torch.ones(2, weight.shape[1])}
    made = authors(tmp_path, {name: factors}, rows)
    import_legacy(str(made), (base, ""), {}, str(tmp_path / "out"), 64)
    assert (load_file(tmp_path / "out" / "kv.safetensors")[name] == 2).all()


def test_names_of_the_first_trainer_are_those_of_stable_diffusion_1():
    for theirs, ours in (
        ("input_blocks.1.1.x", "down_blocks.0.attentions.0.x"),
        ("input_blocks.8.1.x", "down_blocks.2.attentions.1.x"),
        ("middle_block.1.x", "mid_block.attentions.0.x"),
        ("output_blocks.3.1.x", "up_blocks.1.attentions.0.x"),
        ("output_blocks.11.1.x", "up_blocks.3.attentions.2.x"),
    ):
        assert _diffusers_name(f"model.diffusion_model.{theirs}") == ours


class Bomb:
    def __reduce__(self):
        return open, ("/nowhere/at/all", "w")


def test_what_is_no_personalisation_of_this_base_is_refused(base, trained, tmp_path):
    weights, rows = trained
    out = str(tmp_path / "out")
    (tmp_path / "bomb.bin").write_bytes(pickle.dumps({"unet": Bomb()}, protocol=2))
    with pytest.raises(EnvironmentProblem, match="LEGACY_UNREADABLE"):
        import_legacy(str(tmp_path / "bomb.bin"), (base, ""), {}, out, 64)
    torch.save({"something": torch.ones(1)}, tmp_path / "other.bin")
    with pytest.raises(UsageError, match="LEGACY_FORMAT"):
        import_legacy(str(tmp_path / "other.bin"), (base, ""), {}, out, 64)
    with pytest.raises(UsageError, match="LEGACY_FORMAT"):
        import_legacy(str(tmp_path), (base, ""), {}, out, 64)
    for wrong in (
        {"weights": {f"x.{name}": weight for name, weight in weights.items()}},
        {"rows": {"<new1>": torch.ones(3)}},
    ):
        made = authors(tmp_path, wrong.get("weights", weights), wrong.get("rows", rows))
        with pytest.raises(UsageError, match="LEGACY_BASE"):
            import_legacy(str(made), (base, ""), {}, out, 64)


def test_the_command_makes_an_artifact_and_refuses_a_class_without_a_token(run, base, trained, tmp_path):
    made, out = authors(tmp_path, *trained), tmp_path / "out"
    asked = ("import", made, "--base", base, "--out", out, "--address", "none")
    code, said, err = run(*asked, "--class", "new1=dog", "--side", "64")
    assert code == 0, err
    assert "<new2>" in said
    assert read_artifact(out)["words"][0]["class_name"] == "dog"
    code, _, err = run(*asked, "--class", "dog")
    assert code == 2
    assert "LEGACY_CLASS" in err
