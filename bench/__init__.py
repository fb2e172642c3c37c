"""Measurements: the pipeline beside bare ffmpeg, in one run on one machine, so that only ratios matter."""
