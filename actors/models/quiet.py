"""Model libraries talk while they load and save; a command talks for itself."""

from __future__ import annotations

import logging

_TALKATIVE = (
    "diffusers.models.modeling_utils",
    "transformers.modeling_utils",
    "transformers.distributed.tensor_parallel",
)


def quiet() -> None:
    """No progress bars, and no remarks on precision, on how rows of new words begin, or on shards."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
