"""The steps of a clip's way; each receives the `Services` it works with and returns nothing hidden."""
