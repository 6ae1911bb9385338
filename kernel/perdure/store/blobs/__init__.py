"""The parts of which a folder of blobs is made."""
