"""Two concepts and photos of noise, for trainings that only have to run."""

import numpy as np

from actors.personalize.rows.training_rows import EncodedPhoto, Photos
from engine.photos.images import encode_png
from planners.train.prompts import name_concepts

WORDS = name_concepts({"my mug": "mug", "rex": "dog"})


def noise_photos(count=3, of_class=False):
    rng = np.random.default_rng(0)
    made = [
        EncodedPhoto(f"{words.concept}-{n}", encode_png(rng.integers(0, 255, (72, 64, 3), dtype=np.uint8)), words)
        for words in WORDS
        for n in range(count)
    ]
    return Photos(made, 1, augment=not of_class, flip=True, of_class=of_class)
