"""Captions, of every kind that an upload carries, as WebVTT."""
