"""Compression: which weights are left, how they are counted, and how they are removed and exported."""
