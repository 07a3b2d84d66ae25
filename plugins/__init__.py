"""One benchmark (or family) a file or folder; whatever stands here is found by discovery."""
