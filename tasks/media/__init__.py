"""What is decided about pictures and sound, without touching any: pure functions over frozen values."""
