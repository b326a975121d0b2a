"""Models of published sizes with random weights: what they cost can be measured where nothing can be downloaded."""
