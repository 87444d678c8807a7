"""From eyes to frames: the picture format, the matrix, the published frame."""
