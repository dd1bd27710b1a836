"""Name birds in soundscapes with a small network, and read its mind back to pictures and sound."""

__version__ = "0.1.0"
