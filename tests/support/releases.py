"""Releases of made-up packages."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from build.package import manifest
from ops.releases.artifacts import Release


def entry(name: str, data: bytes) -> dict[str, Any]:
    """Return a manifest's entry of a package with these bytes."""
    digest = hashlib.sha256(data)
    return {
        "file": f"{name}.zip",
        "sha256": digest.hexdigest(),
        "sha256_base64": base64.b64encode(digest.digest()).decode(),
    }


def release_of(**packages: bytes) -> Release:
    """Return a release of packages with these bytes."""
    content = manifest({name: entry(name, data) for name, data in packages.items()})
    return Release.parse(json.dumps(content).encode(), "manifest.json")
