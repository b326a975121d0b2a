"""Model libraries talk while they load and save; a command talks for itself."""

from __future__ import annotations

import logging


def quiet() -> None:
    """No progress bars, and no remarks on the precision of saved weights or on how the rows of new words begin."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    for name in ("diffusers.models.modeling_utils", "transformers.modeling_utils"):
        logging.getLogger(name).setLevel(logging.ERROR)
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
