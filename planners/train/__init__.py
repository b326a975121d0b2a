"""What a personalisation is shown: which rows a step takes, which words they have, how a photo is seen."""
