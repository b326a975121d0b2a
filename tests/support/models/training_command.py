"""The words of a short `mycanvas train`."""

QUICK = (
    "method=kv-lora", "side=64", "batch=2", "rank=2", "schedule.steps=4", "schedule.checkpoint_every=2",
    "schedule.log_every=1", "schedule.bf16=false", "look.every=2", "look.pictures=2", "look.drawing.steps=2",
)  # fmt: skip


def words(tiny, out, *options, **changes):
    sets = [f"base={tiny}", *QUICK, *(f"{name}={value}" for name, value in changes.items())]
    flags = [word for each in sets for word in ("--set", each)]
    return ["train", "micro-custom-diffusion", "--out", out, "--address", "none", *options, *flags]
