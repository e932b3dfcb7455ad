"""Describe the machine that a part ran on."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import psutil

from ops.local.prepare import terraform_version


def describe() -> dict[str, str]:
    """Return the facts that a reader needs to compare with another machine."""
    return {
        "processor": f"{os.cpu_count()} x {_processor()}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GB",
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "python": platform.python_version(),
        "terraform": terraform_version(),
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    text = file.read_text() if file.exists() else ""
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return match[1] if match else platform.processor() or platform.machine()
