"""The public contract: object keys, the clip and article records, and their legal changes."""
