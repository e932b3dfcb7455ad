"""Releases in an environment's artifact bucket. Packages are stored by digest and never replaced.

- ``packages/<name>/<sha256>.zip``: a package
- ``releases/<release>.json``: a release's manifest, written by ``make package``
- ``smoke-tests/<release>.json``: the last smoke test of the release in this environment
- ``origins/<release>.json``: the commit and files of the last build of the release
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from build.package import release_digest
from ops.errors import OperationError
from ops.releases.provenance import Origin

Read = Callable[["Package"], bytes]


@dataclass(frozen=True)
class Package:
    """A package of a release."""

    name: str
    sha256: str
    sha256_base64: str

    @property
    def key(self) -> str:
        """Its key in an artifact bucket."""
        return f"packages/{self.name}/{self.sha256}.zip"


@dataclass(frozen=True)
class Release:
    """A set of packages, named by the digest of their digests."""

    digest: str
    packages: Mapping[str, Package]
    manifest: bytes

    @classmethod
    def parse(cls, manifest: bytes, origin: str) -> Release:
        """Read a manifest.

        Raises
        ------
        OperationError
            When it is not a manifest, or its digest does not match its packages.
        """
        try:
            content = json.loads(manifest)
            packages = {
                name: Package(name, entry["sha256"], entry["sha256_base64"])
                for name, entry in content["packages"].items()
            }
            digest = str(content["release"])
        except (ValueError, KeyError, TypeError) as error:
            raise OperationError(
                f"{origin} is not a release manifest ({error!r}).", "Type 'make package'."
            ) from error
        if digest != release_digest({name: p.sha256 for name, p in packages.items()}):
            raise OperationError(
                f"{origin} was changed: its packages do not match release {digest[:12]}.",
                "Build and release again: 'make release'.",
            )
        return cls(digest, packages, manifest)

    @property
    def short(self) -> str:
        """The first 12 characters of the digest, for display."""
        return self.digest[:12]


def built(dist: Path) -> tuple[Release, Read]:
    """Return the last release of ``make package``, and a function that reads its packages.

    Raises
    ------
    OperationError
        When nothing has been built.
    """
    file = dist / "manifest.json"
    if not file.exists():
        raise OperationError(f"{file} is missing.", "Type 'make package'.")
    release = Release.parse(file.read_bytes(), str(file))
    files = {n: entry["file"] for n, entry in json.loads(release.manifest)["packages"].items()}
    return release, lambda package: (dist / files[package.name]).read_bytes()


class Artifacts:
    """The artifact bucket of one environment.

    Parameters
    ----------
    client
        A boto3 ``s3`` client.
    bucket
        The bucket made by ``terraform/bootstrap``.
    """

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self.bucket = bucket

    def put(self, release: Release, read: Read) -> int:
        """Store a release; return the number of packages that were new here.

        Every package is checked against its digest first, and the manifest is written last, so a
        stored release is always complete.

        Raises
        ------
        OperationError
            When a package does not match its digest, here or at its source.
        """
        packages = [release.packages[name] for name in sorted(release.packages)]
        contents = {package: self._checked(package, read(package)) for package in packages}
        new = sum(self._put_once(package.key, data) for package, data in contents.items())
        for package in contents:
            self.read(package)
        self._put_once(f"releases/{release.digest}.json", release.manifest, "application/json")
        return new

    def release(self, digest: str) -> Release:
        """Return the release with this digest.

        Raises
        ------
        OperationError
            When the bucket does not have it.
        """
        key = f"releases/{digest}.json"
        manifest = self._get(key)
        if manifest is None:
            raise OperationError(
                f"{self.bucket} does not have release {digest[:12]}.",
                "Check the environment and the digest.",
            )
        return Release.parse(manifest, f"s3://{self.bucket}/{key}")

    def digests(self, beginning: str) -> list[str]:
        """Return the digests of the stored releases that begin with some characters."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=f"releases/{beginning}"
        )
        keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        return [key.removeprefix("releases/").removesuffix(".json") for key in keys]

    def read(self, package: Package) -> bytes:
        """Return a package's bytes.

        Raises
        ------
        OperationError
            When they are missing or do not match the digest.
        """
        data = self._get(package.key)
        if data is None:
            raise OperationError(
                f"s3://{self.bucket}/{package.key} is missing.",
                "Upload the release again: 'make release'.",
            )
        return self._checked(package, data)

    def record_smoke_test(self, release: str, passed: bool, detail: str) -> None:
        """Record the start or the result of a release's last smoke test."""
        record = {
            "release": release,
            "passed": passed,
            "detail": detail,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self._replace(f"smoke-tests/{release}.json", json.dumps(record).encode())

    def smoke_test(self, release: str) -> dict[str, Any] | None:
        """Return a release's last smoke test: release, passed, detail, at."""
        record = self._get(f"smoke-tests/{release}.json")
        if record is None:
            return None
        result: dict[str, Any] = json.loads(record)
        return result

    def record_origin(self, release: str, origin: Origin) -> None:
        """Record the provenance of a release, replacing an earlier one."""
        self._replace(f"origins/{release}.json", origin.record())

    def origin(self, release: str) -> Origin:
        """Return the provenance of a release's last build."""
        return Origin.parse(self._get(f"origins/{release}.json"))

    def _checked(self, package: Package, data: bytes) -> bytes:
        found = hashlib.sha256(data).hexdigest()
        if found != package.sha256:
            raise OperationError(
                f"The package {package.name} was changed: its SHA-256 is {found[:12]}…, "
                f"the manifest says {package.sha256[:12]}….",
                "Find out who changed it. Rebuild with 'build/package.py --clean'.",
            )
        return data

    def _put_once(self, key: str, data: bytes, kind: str = "application/zip") -> bool:
        try:
            self._client.put_object(
                Bucket=self.bucket, Key=key, Body=data, ContentType=kind, IfNoneMatch="*"
            )
        except self._client.exceptions.ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "NoSuchBucket":
                raise OperationError(
                    f"The bucket {self.bucket} is missing.", "Type 'make bootstrap ENV=…' first."
                ) from error
            if code not in ("PreconditionFailed", "412", "ConditionalRequestConflict"):
                raise
            return False
        return True

    def _replace(self, key: str, data: bytes) -> None:
        self._client.put_object(
            Bucket=self.bucket, Key=key, Body=data, ContentType="application/json"
        )

    def _get(self, key: str) -> bytes | None:
        try:
            body: bytes = self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except self._client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise
        return body
