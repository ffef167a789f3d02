"""What a process has freed, given back to the machine: allocators keep it, and the next step needs room of its own."""

import ctypes

import pyarrow as pa


def give_back() -> None:
    """Return freed memory to the machine; for after work of years, since what is touched again has to be made again."""
    pa.default_memory_pool().release_unused()
    # Only glibc has it, and only glibc needs it.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
