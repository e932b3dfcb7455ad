"""Compare the code of an environment's functions with a release, and put the release's code back.

Terraform uploads a package only when the release's digest changes. Code that was changed by hand
stays in ``$LATEST``, and the next change of the function would publish it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ops.releases.artifacts import Release

#: The alias that callers use.
ALIAS = "live"
UNPUBLISHED = "$LATEST"
PARALLEL = 8


@dataclass(frozen=True)
class Function:
    """A function of the platform and the package that it runs."""

    name: str
    package: str


@dataclass(frozen=True)
class Code:
    """The digests of a function's code, as Lambda returns them: in base64."""

    function: Function
    #: The version of the alias, which callers run.
    live: str
    #: ``$LATEST``, which the next publication publishes.
    unpublished: str
    #: The newest version, to which Terraform points the alias; None before the first one.
    newest: str | None

    def differs(self, digests: Iterable[str]) -> list[str]:
        """Return a line for each place whose code has none of some digests."""
        known = set(digests)
        name = self.function.name
        lines = []
        if self.live not in known:
            lines.append(f"{name} runs code with SHA-256 {self.live}")
        if self.unpublished not in known:
            lines.append(f"{name} has unpublished code with SHA-256 {self.unpublished}")
        elif self.newest not in (None, *known):
            lines.append(f"{name} has a newest version whose code has SHA-256 {self.newest}")
        return lines


def functions_of(outputs: Mapping[str, Any]) -> list[Function]:
    """Return the functions of an environment, by the outputs of its root module."""
    found = [
        function for flow in outputs["flows"].values() for function in flow["functions"].values()
    ]
    if guard := outputs.get("canary_guard"):
        found.append(guard)
    return [Function(function["name"], function["package"]) for function in found]


def codes(client: Any, functions: Sequence[Function]) -> list[Code]:
    """Return the digests of the functions' code, read at the same time.

    Functions that are missing are left out; Terraform's plan names them.

    Parameters
    ----------
    client
        A boto3 ``lambda`` client.
    functions
        The functions, in the order of the result.
    """

    def digest(function: Function, qualifier: str) -> str:
        found = client.get_function_configuration(FunctionName=function.name, Qualifier=qualifier)
        return str(found["CodeSha256"])

    def code(function: Function) -> Code | None:
        try:
            return Code(
                function,
                digest(function, ALIAS),
                digest(function, UNPUBLISHED),
                _newest(client, function.name),
            )
        except client.exceptions.ResourceNotFoundException:
            return None

    with ThreadPoolExecutor(PARALLEL) as pool:
        return [found for found in pool.map(code, functions) if found is not None]


def foreign(found: Iterable[Code], *releases: Release) -> list[str]:
    """Return a line for each place whose code is in none of the releases."""
    return [line for code in found for line in code.differs(_digests(code.function, releases))]


def put_back(client: Any, found: Iterable[Code], bucket: str, *releases: Release) -> list[str]:
    """Replace code that is in none of the releases by the last release's; return its functions.

    Callers notice nothing until the next apply, which points the alias to the newest version.

    Parameters
    ----------
    client
        A boto3 ``lambda`` client.
    found
        The functions' code now.
    bucket
        The artifact bucket.
    releases
        The releases whose code may be there.
    """
    changed = []
    for code in found:
        function = code.function
        known = _digests(function, releases)
        package = releases[-1].packages.get(function.package)
        if package is None or not code.differs(known):
            # The next apply removes a function whose package the release lacks.
            continue
        if code.unpublished not in known:
            client.update_function_code(
                FunctionName=function.name, S3Bucket=bucket, S3Key=package.key
            )
            client.get_waiter("function_updated_v2").wait(
                FunctionName=function.name, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
            )
        if code.newest not in (None, *known):
            client.publish_version(FunctionName=function.name)
        changed.append(function.name)
    return changed


def _digests(function: Function, releases: Iterable[Release]) -> set[str]:
    """Return the digests that the function's code has in some releases."""
    packages = [release.packages.get(function.package) for release in releases]
    return {package.sha256_base64 for package in packages if package is not None}


def _newest(client: Any, name: str) -> str | None:
    """Return the digest of a function's newest version."""
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=name)
    versions = {
        int(version["Version"]): str(version["CodeSha256"])
        for page in pages
        for version in page["Versions"]
        if version["Version"] != UNPUBLISHED
    }
    return versions[max(versions)] if versions else None
