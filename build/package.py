"""Build one deterministic zip for each Lambda package, and the manifest that Terraform reads.

A package is a folder of ``lambda_src`` with a ``package.toml``. Its zip contains the folder, the
paths that ``package.toml`` includes, and the libraries that ``requirements.txt`` pins. The same
sources produce the same bytes on every machine:

- libraries are pure Python wheels, pinned by their SHA-256;
- entries are sorted, with one fixed time and one fixed mode;
- libdeflate compresses the entries, and our lock file pins its version. The standard library uses
  the system's zlib, and zlib and zlib-ng produce different bytes.

Zips contain no bytecode: it serves only the Python version that compiled it, and Lambda's version
differs from the builder's.

Usually nothing has changed, so modules that only a build needs are imported during a build.
"""

from __future__ import annotations

import signal

# The imports take a moment, in which Ctrl-C would print a traceback.
if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import base64
import functools
import hashlib
import itertools
import json
import os
import re
import struct
import sys
import time
import tomllib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCES = REPOSITORY / "lambda_src"
DIST = REPOSITORY / "build" / "dist"
CACHE = REPOSITORY / "build" / "cache"

PACKAGE_FILE = "package.toml"
REQUIREMENTS_FILE = "requirements.txt"
MANIFEST_FILE = "manifest.json"

#: Part of every source digest. Raise it when a change of this script changes the bytes of zips.
FORMAT = "2"
#: Smaller and faster than zlib's best level. The highest level, 12, takes twice as long to save
#: another 0.2 %.
COMPRESSION_LEVEL = 10

#: Libraries in the Lambda runtime; a second copy costs megabytes and start-up time.
IN_THE_RUNTIME = frozenset({"boto3", "botocore", "s3transfer"})
#: Folders and files that are not needed at run time.
UNWANTED_FOLDERS = frozenset({"__pycache__", "tests", "test"})
UNWANTED_SUFFIXES = (".pyc", ".pyo", ".pyi")
UNWANTED_NAMES = frozenset(
    {"py.typed", PACKAGE_FILE, REQUIREMENTS_FILE, "requirements.in", ".DS_Store"}
)
#: Metadata files of a wheel to keep: licences, name and version.
KEPT_METADATA = ("METADATA", "LICENSE", "LICENCE", "NOTICE", "COPYING", "AUTHORS")
NATIVE_SUFFIXES = (".so", ".pyd", ".dylib")

Contents = dict[str, bytes]
#: Downloads wheels: takes lines of lock files and the target folder.
Fetch = Callable[[Sequence[str], Path], None]


class PackagingError(Exception):
    """A package cannot be built; the message has the package, the reason and the fix."""


class Package(NamedTuple):
    """A folder to package."""

    name: str
    sources: Path
    include: tuple[str, ...]

    @property
    def requirements(self) -> Path:
        """Its lock file."""
        return self.sources / self.name / REQUIREMENTS_FILE

    def files(self) -> Iterator[tuple[str, Path]]:
        """Yield the path in the zip and the file of each source, sorted."""
        found: dict[str, Path] = {}
        for entry in (self.name, *self.include):
            start = self.sources / entry
            if not start.exists():
                raise PackagingError(
                    f"{self.name}/{PACKAGE_FILE} includes '{entry}', which is not in "
                    f"{self.sources}. Correct the name."
                )
            for file in [start] if start.is_file() else start.rglob("*"):
                path = file.relative_to(self.sources).as_posix()
                if file.is_file() and is_wanted(path):
                    found[path] = file
        yield from sorted(found.items())

    def source_digest(self, read: Callable[[Path], bytes] = Path.read_bytes) -> str:
        """Return a digest of everything that the zip depends on.

        Parameters
        ----------
        read
            Reads a file; callers may pass a cached function.
        """
        digest = hashlib.sha256(FORMAT.encode())
        for path, file in [*self.files(), (REQUIREMENTS_FILE, self.requirements)]:
            data = read(file)
            digest.update(f"\0{path}\0{len(data)}\0".encode() + data)
        return digest.hexdigest()


def find_packages(sources: Path) -> list[Package]:
    """Return the packages of a folder of sources.

    Raises
    ------
    PackagingError
        When a ``package.toml`` is not valid, or a lock file is missing.
    """
    packages = []
    for file in sorted(sources.glob(f"*/{PACKAGE_FILE}")):
        try:
            settings = tomllib.loads(file.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise PackagingError(f"{file} is not valid TOML: {error}. Correct it.") from error
        package = Package(file.parent.name, sources, tuple(settings.get("include", ())))
        if not package.requirements.exists():
            raise PackagingError(f"{package.requirements} is missing. Type 'make lock'.")
        packages.append(package)
    return packages


def is_wanted(path: str) -> bool:
    """Return whether a file belongs in a zip."""
    *folders, name = path.split("/")
    if name in UNWANTED_NAMES or name.endswith(UNWANTED_SUFFIXES):
        return False
    if UNWANTED_FOLDERS.intersection(folders):
        return False
    if any(folder.endswith(".dist-info") for folder in folders):
        return name.startswith(KEPT_METADATA) or "licenses" in folders
    return True


# --- libraries -------------------------------------------------------------------------------


def pinned(package: Package) -> list[str]:
    """Return the requirements in a package's lock file, one line each with version and digests.

    Raises
    ------
    PackagingError
        When it pins a library that is in the Lambda runtime.
    """
    text = package.requirements.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [" ".join(line.split()) for line in text.splitlines() if "==" in line]
    if found := sorted(IN_THE_RUNTIME.intersection(map(library_name, lines))):
        raise PackagingError(
            f"{package.name} pins {', '.join(found)}, which the Lambda runtime provides. "
            f"Remove it from {package.name}/requirements.in and type 'make lock'."
        )
    return lines


def library_name(requirement: str) -> str:
    """Return the library of a requirement, normalized as PyPA's names specification says."""
    return re.sub(r"[-_.]+", "-", requirement.partition("==")[0]).lower()


def download(requirements: Sequence[str], folder: Path) -> None:
    """Download pinned pure Python wheels with pip, which verifies their digests.

    Raises
    ------
    PackagingError
        When pip fails; the message has pip's output.
    """
    import subprocess

    lock = folder / REQUIREMENTS_FILE
    lock.write_text("\n".join(requirements), encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-input", "--require-hashes", "--no-deps", "--only-binary=:all:"]
    # Only pure Python wheels match these tags.
    command += ["--platform", "any", "--abi", "none", "--implementation", "py"]
    command += ["--dest", str(folder), "--requirement", str(lock)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        names = ", ".join(requirement.split()[0] for requirement in requirements)
        raise PackagingError(
            f"Downloading {names} failed: {result.stderr.strip()} "
            "They must be pure Python wheels with pinned digests. 'make lock' pins them again."
        )


def fetch_wheels(requirements: Iterable[str], cache: Path, fetch: Fetch) -> dict[str, Path]:
    """Return the wheel of each requirement; download the ones that the cache lacks, in one call.

    Raises
    ------
    PackagingError
        When a download fails.
    """
    import tempfile

    wheels = {
        requirement: cache / f"{hashlib.sha256(requirement.encode()).hexdigest()[:16]}.whl"
        for requirement in requirements
    }
    missing: dict[str, list[str]] = {}
    for requirement, wheel in wheels.items():
        if not wheel.exists():
            missing.setdefault(library_name(requirement), []).append(requirement)
    cache.mkdir(parents=True, exist_ok=True)
    # Packages may pin different versions of a library; one pip call accepts only one of them.
    for versions in itertools.zip_longest(*missing.values()):
        wanted = {library_name(version): version for version in versions if version}
        with tempfile.TemporaryDirectory(dir=cache) as work:
            fetch(list(wanted.values()), Path(work))
            for file in Path(work).glob("*.whl"):
                # Move complete wheels only, so that an interrupted download is repeated.
                requirement = wanted[library_name(file.name.partition("-")[0])]
                os.replace(file, wheels[requirement])
    return wheels


def wheel_files(requirement: str, wheel: Path) -> Contents:
    """Return the wanted files of a library's wheel.

    Raises
    ------
    PackagingError
        When it contains native code.
    """
    import zipfile

    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        if native := [name for name in names if name.endswith(NATIVE_SUFFIXES)]:
            raise PackagingError(
                f"{requirement.split()[0]} contains native code ({native[0]}), which runs on one "
                "processor architecture only. Pin a pure Python version."
            )
        return {name: archive.read(name) for name in names if is_wanted(name)}


def package_contents(package: Package, libraries: Mapping[str, Contents]) -> Contents:
    """Return the files of a package's zip: its libraries and its sources.

    Raises
    ------
    PackagingError
        When a library and the sources have a file with the same path.
    """
    contents: Contents = {}
    for requirement in pinned(package):
        contents |= libraries[requirement]
    own = {path: file.read_bytes() for path, file in package.files()}
    if clash := sorted(contents.keys() & own.keys()):
        raise PackagingError(
            f"{package.name}: a library also has the file '{clash[0]}'. Rename ours."
        )
    return contents | own


# --- zips and manifest -----------------------------------------------------------------------


def compress(data: bytes) -> bytes:
    """Return the data as a raw deflate stream, identical on every machine."""
    import deflate

    return bytes(deflate.deflate_compress(data, COMPRESSION_LEVEL))


def zip_bytes(contents: Contents, compress: Callable[[bytes], bytes] = compress) -> bytes:
    """Return a zip whose bytes depend only on the contents.

    ``zipfile`` cannot write streams that another library compressed, so this function writes the
    records itself (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.3.7,
    4.3.12 and 4.3.16). Entries are readable by all and dated 1980-01-01, the earliest date in zips.
    """
    version, made_by_unix, utf8_name, deflated, time_and_date = 20, 3 << 8 | 20, 0x0800, 8, 0x210000
    mode = 0o100644 << 16
    entries, directory = bytearray(), bytearray()
    for path in sorted(contents):
        data, name = contents[path], path.encode()
        stream = compress(data)
        common = struct.pack(
            "<HHHIIIIHH",
            version,
            utf8_name,
            deflated,
            time_and_date,
            zlib.crc32(data),
            len(stream),
            len(data),
            len(name),
            0,
        )
        directory += b"PK\1\2" + struct.pack("<H", made_by_unix) + common
        directory += struct.pack("<HHHII", 0, 0, 0, mode, len(entries)) + name
        entries += b"PK\3\4" + common + name + stream
    count = len(contents)
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(entries), 0)
    return bytes(entries + directory + b"PK\5\6" + end)


def describe(file: Path, data: bytes, source_digest: str) -> dict[str, Any]:
    """Return a package's entry in the manifest."""
    digest = hashlib.sha256(data)
    return {
        "file": file.name,
        "sha256": digest.hexdigest(),
        "sha256_base64": base64.b64encode(digest.digest()).decode(),
        "size": len(data),
        "source_digest": source_digest,
    }


def manifest(packages: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the manifest; ``release`` is the name of this set of packages."""
    return {
        "release": release_digest({name: entry["sha256"] for name, entry in packages.items()}),
        "packages": dict(sorted(packages.items())),
    }


def release_digest(digests: Mapping[str, str]) -> str:
    """Return the name of a release: a digest of its packages' names and SHA-256 digests."""
    return hashlib.sha256(json.dumps(dict(digests), sort_keys=True).encode()).hexdigest()


def is_built(entry: Mapping[str, Any] | None, source_digest: str, dist: Path) -> bool:
    """Return whether an earlier run built the package from the same sources, and it is intact."""
    if entry is None or entry["source_digest"] != source_digest:
        return False
    file = dist / entry["file"]
    return file.is_file() and str(entry["sha256"]) == hashlib.sha256(file.read_bytes()).hexdigest()


def build(
    sources: Path, dist: Path, cache: Path, fetch: Fetch = download
) -> dict[str, tuple[dict[str, Any], bool]]:
    """Build the changed packages, and write the manifest.

    Returns
    -------
    dict
        For each package its entry in the manifest, and whether it was built now.

    Raises
    ------
    PackagingError
        When a package cannot be built; the manifest is then unchanged.
    """
    packages = find_packages(sources)
    dist.mkdir(parents=True, exist_ok=True)
    before = read_manifest(dist / MANIFEST_FILE)

    # Most packages include the same library, so read its files once.
    read = functools.cache(Path.read_bytes)
    results: dict[str, tuple[dict[str, Any], bool]] = {}
    changed: list[tuple[Package, str]] = []
    for package in packages:
        source_digest = package.source_digest(read)
        known = before.get(package.name)
        if known is not None and is_built(known, source_digest, dist):
            results[package.name] = known, False
        else:
            changed.append((package, source_digest))
    if changed:
        zips = make_zips([package for package, _ in changed], cache, fetch)
        for (package, source_digest), data in zip(changed, zips, strict=True):
            target = dist / f"{package.name}.zip"
            replace(target, data)
            results[package.name] = describe(target, data, source_digest), True
    remove_others(dist, {entry["file"] for entry, _ in results.values()})
    text = json.dumps(manifest({n: e for n, (e, _) in results.items()}), indent=2) + "\n"
    file = dist / MANIFEST_FILE
    if not file.exists() or file.read_text() != text:
        replace(file, text.encode())
    return dict(sorted(results.items()))


def make_zips(packages: Sequence[Package], cache: Path, fetch: Fetch) -> list[bytes]:
    """Return the zip of each package; download and compress shared files once.

    Raises
    ------
    PackagingError
        When a package cannot be built.
    """
    import concurrent.futures

    requirements = dict.fromkeys(line for package in packages for line in pinned(package))
    wheels = fetch_wheels(requirements, cache, fetch)
    libraries = {
        requirement: wheel_files(requirement, wheel) for requirement, wheel in wheels.items()
    }
    contents = [package_contents(package, libraries) for package in packages]
    distinct = list({data for files in contents for data in files.values()})
    with concurrent.futures.ThreadPoolExecutor() as pool:
        packed = dict(zip(distinct, pool.map(compress, distinct), strict=True))
    return [zip_bytes(files, packed.__getitem__) for files in contents]


def replace(file: Path, data: bytes) -> None:
    """Write a file atomically, so that other processes never read a part of it."""
    partial = file.with_suffix(".partial")
    partial.write_bytes(data)
    os.replace(partial, file)


def read_manifest(file: Path) -> dict[str, dict[str, Any]]:
    """Return the packages of an earlier run; none if the manifest is missing or broken."""
    try:
        packages: dict[str, dict[str, Any]] = json.loads(file.read_text())["packages"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}
    return packages


def remove_others(dist: Path, files: Iterable[str]) -> None:
    """Remove the zips of packages that no longer exist."""
    keep = set(files)
    for file in dist.glob("*.zip"):
        if file.name not in keep:
            file.unlink()


def main() -> int:
    """Build into ``build/dist``; return the exit code."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    started = time.monotonic()
    if len(sys.argv) > 1:
        import argparse
        import shutil

        parser = argparse.ArgumentParser(description="Build the Lambda packages.")
        parser.add_argument(
            "--clean", action="store_true", help="discard earlier results and rebuild everything"
        )
        if parser.parse_args().clean:
            shutil.rmtree(DIST, ignore_errors=True)
            shutil.rmtree(CACHE, ignore_errors=True)
    try:
        results = build(SOURCES, DIST, CACHE)
    except PackagingError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("The build was interrupted. Type the command again.", file=sys.stderr)
        return 130
    changed = {name: entry for name, (entry, built) in results.items() if built}
    # After a change, what it changed; a line for each package of a new clone would say nothing.
    for name, entry in changed.items() if len(changed) < len(results) else ():
        print(f"✓ {name} {entry['size']:,} bytes, sha256 {entry['sha256'][:12]}")
    seconds = time.monotonic() - started
    print(f"✓ {len(changed)} of {len(results)} packages built ({seconds:.1f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
