"""Sound: which tracks belong together, their mix and their loudness, and clips without a picture."""
