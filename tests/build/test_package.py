"""Packages: the same bytes everywhere, only what is needed, no work when nothing changed."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from build.package import (
    PackagingError,
    build,
    find_packages,
    is_wanted,
    manifest,
    release_digest,
    zip_bytes,
)

LOCK = "library==1.0 --hash=sha256:0\n"


class Index:
    """Plays the package index: gives the same wheel every time, and counts how often."""

    def __init__(self, name: str = "library/__init__.py") -> None:
        self.calls = 0
        self.fetched: list[str] = []
        self._name = name

    def __call__(self, requirements: Sequence[str], folder: Path) -> None:
        self.calls += 1
        self.fetched += requirements
        with zipfile.ZipFile(folder / "library-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(self._name, "VALUE = 1\n")
            wheel.writestr("library/tests/test_library.py", "")
            wheel.writestr("library/stubs.pyi", "")
            wheel.writestr("library-1.0.dist-info/METADATA", "Name: library\n")
            wheel.writestr("library-1.0.dist-info/RECORD", "")
            wheel.writestr("library-1.0.dist-info/licenses/LICENSE", "free")


def make_sources(folder: Path, when: int = 1_000_000_000, mode: int = 0o644) -> Path:
    """Write two packages and the shared library, all files of one time and mode."""
    files = {
        "shared/__init__.py": "",
        "shared/tool.py": "TOOL = 'ñ'\n",
        "first/package.toml": 'include = ["shared"]\n',
        "first/requirements.txt": LOCK,
        "first/requirements.in": "library\n",
        "first/handler.py": "def handler(event, context): ...\n",
        "first/__pycache__/handler.cpython-311.pyc": "junk",
        "second/package.toml": 'include = ["shared/tool.py"]\n',
        "second/requirements.txt": "",
        "second/handler.py": "",
        "no_package/file.py": "",
    }
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)
        os.utime(file, (when, when))
    return folder


def names(file: Path) -> set[str]:
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        return set(archive.namelist())


def test_a_zip_holds_the_package_what_it_includes_and_its_libraries(tmp_path: Path) -> None:
    build(make_sources(tmp_path / "src"), tmp_path / "dist", tmp_path / "cache", Index())

    assert names(tmp_path / "dist" / "first.zip") == {
        "first/handler.py",
        "shared/__init__.py",
        "shared/tool.py",
        "library/__init__.py",
        "library-1.0.dist-info/METADATA",
        "library-1.0.dist-info/licenses/LICENSE",
    }
    assert names(tmp_path / "dist" / "second.zip") == {"second/handler.py", "shared/tool.py"}


def test_two_builds_from_equal_sources_are_equal_to_the_byte(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    build(make_sources(first / "src"), first / "dist", first / "cache", Index())
    before = os.umask(0o077)
    try:
        sources = make_sources(second / "deeper" / "src", when=1_700_000_000, mode=0o600)
        build(sources, second / "dist", second / "cache", Index())
    finally:
        os.umask(before)

    for name in ("first.zip", "second.zip", "manifest.json"):
        assert (first / "dist" / name).read_bytes() == (second / "dist" / name).read_bytes()


def test_the_manifest_describes_the_zips(tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    build(make_sources(tmp_path / "src"), dist, tmp_path / "cache", Index())

    manifest = json.loads((dist / "manifest.json").read_text())

    assert set(manifest["packages"]) == {"first", "second"}
    for entry in manifest["packages"].values():
        data = (dist / entry["file"]).read_bytes()
        digest = hashlib.sha256(data)
        assert entry["sha256"] == digest.hexdigest()
        assert base64.b64decode(entry["sha256_base64"]) == digest.digest()
        assert entry["size"] == len(data)
        assert len(entry["source_digest"]) == 64
    assert len(manifest["release"]) == 64


def test_a_build_in_which_nothing_changed_does_no_work(tmp_path: Path) -> None:
    sources, dist, cache = make_sources(tmp_path / "src"), tmp_path / "dist", tmp_path / "cache"
    index = Index()
    build(sources, dist, cache, index)
    times = {file.name: file.stat().st_mtime_ns for file in dist.iterdir()}

    results = build(sources, dist, cache, index)

    assert not any(built for _, built in results.values())
    assert {file.name: file.stat().st_mtime_ns for file in dist.iterdir()} == times
    assert index.calls == 1


def test_only_what_changed_is_built(tmp_path: Path) -> None:
    sources, dist, cache = make_sources(tmp_path / "src"), tmp_path / "dist", tmp_path / "cache"
    index = Index()
    build(sources, dist, cache, index)
    (sources / "second" / "handler.py").write_text("changed = True\n")

    results = build(sources, dist, cache, index)

    assert {name: built for name, (_, built) in results.items()} == {
        "first": False,
        "second": True,
    }
    assert index.calls == 1


def test_a_damaged_zip_is_built_again(tmp_path: Path) -> None:
    sources, dist, cache = make_sources(tmp_path / "src"), tmp_path / "dist", tmp_path / "cache"
    build(sources, dist, cache, Index())
    whole = (dist / "first.zip").read_bytes()
    (dist / "first.zip").write_bytes(whole[:-10])

    build(sources, dist, cache, Index())

    assert (dist / "first.zip").read_bytes() == whole


def test_a_package_that_is_gone_leaves_no_zip(tmp_path: Path) -> None:
    sources, dist, cache = make_sources(tmp_path / "src"), tmp_path / "dist", tmp_path / "cache"
    build(sources, dist, cache, Index())
    (sources / "second" / "package.toml").unlink()

    build(sources, dist, cache, Index())

    assert not (dist / "second.zip").exists()


@pytest.mark.parametrize("library", ["boto3", "botocore", "s3transfer"])
def test_what_the_runtime_brings_is_refused(tmp_path: Path, library: str) -> None:
    sources = make_sources(tmp_path / "src")
    (sources / "first" / "requirements.txt").write_text(f"{library}==1.0 --hash=sha256:0\n")

    with pytest.raises(PackagingError, match=library):
        build(sources, tmp_path / "dist", tmp_path / "cache", Index())

    assert not (tmp_path / "dist" / "manifest.json").exists()


def test_native_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match=r"native code \(library/_speed\.so\)"):
        build(
            make_sources(tmp_path / "src"),
            tmp_path / "dist",
            tmp_path / "cache",
            Index("library/_speed.so"),
        )


def test_an_interrupted_download_is_done_again(tmp_path: Path) -> None:
    sources, dist, cache = make_sources(tmp_path / "src"), tmp_path / "dist", tmp_path / "cache"

    def broken(_: Sequence[str], folder: Path) -> None:
        (folder / "library-1.0-py3-none-any.whl").write_bytes(b"half")
        raise PackagingError("the line went dead")

    with pytest.raises(PackagingError, match="went dead"):
        build(sources, dist, cache, broken)
    build(sources, dist, cache, Index())

    assert "library/__init__.py" in names(dist / "first.zip")


def test_what_two_packages_pin_is_fetched_once(tmp_path: Path) -> None:
    sources, dist, index = make_sources(tmp_path / "src"), tmp_path / "dist", Index()
    (sources / "second" / "requirements.txt").write_text(LOCK)

    build(sources, dist, tmp_path / "cache", index)

    assert index.fetched == [LOCK.strip()]
    assert "library/__init__.py" in names(dist / "first.zip") & names(dist / "second.zip")


def test_two_versions_of_a_library_are_fetched_one_after_the_other(tmp_path: Path) -> None:
    sources, dist, index = make_sources(tmp_path / "src"), tmp_path / "dist", Index()
    (sources / "second" / "requirements.txt").write_text(LOCK.replace("1.0", "2.0"))

    build(sources, dist, tmp_path / "cache", index)

    assert index.calls == 2
    assert "library/__init__.py" in names(dist / "first.zip") & names(dist / "second.zip")


def test_a_library_that_would_hide_our_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match=r"shared/tool\.py"):
        build(
            make_sources(tmp_path / "src"),
            tmp_path / "dist",
            tmp_path / "cache",
            Index("shared/tool.py"),
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("first/package.toml", "include = [oops"), "not valid TOML"),
        (("first/package.toml", 'include = ["nowhere"]'), "'nowhere'"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    sources = make_sources(tmp_path / "src")
    (sources / change[0]).write_text(change[1])

    with pytest.raises(PackagingError, match=message):
        build(sources, tmp_path / "dist", tmp_path / "cache", Index())


def test_a_missing_lock_file_is_named(tmp_path: Path) -> None:
    sources = make_sources(tmp_path / "src")
    (sources / "first" / "requirements.txt").unlink()

    with pytest.raises(PackagingError, match=r"requirements\.txt is missing"):
        find_packages(sources)


def test_a_zip_is_read_by_other_tools_names_and_contents_whole() -> None:
    contents = {"ñ/empty.txt": b"", "b.bin": bytes(range(256)) * 500, "a.txt": b"text"}

    with zipfile.ZipFile(io.BytesIO(zip_bytes(contents))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == sorted(contents)
        assert {name: archive.read(name) for name in contents} == contents
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}
        # Unix: otherwise unzip ignores the mode.
        assert {entry.create_system for entry in archive.infolist()} == {3}
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_name_of_a_release_depends_on_its_packages_and_not_on_their_order() -> None:
    entries = {"b": {"sha256": "02"}, "a": {"sha256": "01"}}
    # The SHA-256 digest of {"a": "01", "b": "02"}.
    known = "32b640387f576e19ab9428967272db997056073ab323a8f28500c2b78ba45f4d"

    assert manifest(entries) == {"release": known, "packages": entries}
    assert list(manifest(entries)["packages"]) == ["a", "b"]
    assert release_digest({"a": "01", "b": "02"}) == known
    assert release_digest({"a": "01", "b": "03"}) != known


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("a/handler.py", True),
        ("a/migrations/001_x.sql", True),
        ("a/tests/test_x.py", False),
        ("a/__pycache__/x.pyc", False),
        ("a/py.typed", False),
        ("a/x.pyi", False),
        ("lib-1.0.dist-info/LICENSE.txt", True),
        ("lib-1.0.dist-info/top_level.txt", False),
        ("a/requirements.txt", False),
    ],
)
def test_what_is_wanted(path: str, wanted: bool) -> None:
    assert is_wanted(path) is wanted
