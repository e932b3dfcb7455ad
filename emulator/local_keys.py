"""Keys of stand-ins, which the emulator and the commands compute alike."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def local_key(owner: str) -> str:
    """Return the key of a stand-in, another one in each clone and for each user.

    It is not a constant, because a test searches the sources for the values of all secrets.
    """
    seed = f"{owner} {Path(__file__).resolve()} {os.getuid()}"
    return hashlib.sha256(seed.encode()).hexdigest()[:32]
