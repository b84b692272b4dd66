"""Stands in for pyfarmhash on machines without a C++ compiler: PyPI has that package as source only.

TensorFlow Data Validation imports it always, and calls it only in feature skew detection and in statistics computed one
partition of the features at a time. `make clean` and a new set-up with a compiler (docs/install.md) bring the real one.
"""

MISSING = (
    "This needs the package pyfarmhash, which could not be built when the environment was made. Install a C++ compiler "
    "and Python's headers (Debian, Ubuntu: `sudo apt-get install g++ python3-dev`), run `make clean`, and try again."
)


def fingerprint32(_value: str) -> int:
    """Raises ImportError; the real one hashes a string to 32 bits."""
    raise ImportError(MISSING)


def fingerprint64(_value: str) -> int:
    """Raises ImportError; the real one hashes a string to 64 bits."""
    raise ImportError(MISSING)
