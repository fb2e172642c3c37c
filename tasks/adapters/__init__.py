"""What touches the world: the object store, ffmpeg, the broker, the disk. Vendor errors end here."""
