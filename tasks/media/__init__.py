"""Decisions about pictures and sound, without I/O: pure functions over frozen values."""
