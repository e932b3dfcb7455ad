"""Releases in a bucket: whole, unchanged, never replaced."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from ops.errors import OperationError
from ops.releases.artifacts import Artifacts, Release, built
from tests.support.releases import release_of

ONE, TWO = b"the bytes of one", b"the bytes of two"


@pytest.fixture
def bucket(aws: Callable[[str], Any]) -> Artifacts:
    client = aws("s3")
    client.create_bucket(Bucket="artifacts")
    return Artifacts(client, "artifacts")


def keys(bucket: Artifacts) -> list[str]:
    found = bucket._client.list_objects_v2(Bucket="artifacts").get("Contents", [])
    return [item["Key"] for item in found]


RELEASE = release_of(one=ONE, two=TWO)
BYTES = {"one": ONE, "two": TWO}


def put(bucket: Artifacts, contents: dict[str, bytes] = BYTES) -> int:
    return bucket.put(RELEASE, lambda package: contents[package.name])


def test_a_release_is_kept_under_its_digests(bucket: Artifacts) -> None:
    assert put(bucket) == 2

    assert set(keys(bucket)) == {
        f"packages/one/{hashlib.sha256(ONE).hexdigest()}.zip",
        f"packages/two/{hashlib.sha256(TWO).hexdigest()}.zip",
        f"releases/{RELEASE.digest}.json",
    }
    assert bucket.release(RELEASE.digest) == RELEASE
    assert bucket.read(RELEASE.packages["one"]) == ONE


def test_what_is_there_already_is_not_sent_again(bucket: Artifacts) -> None:
    put(bucket)

    assert put(bucket) == 0


def test_a_package_that_was_changed_before_is_refused_and_nothing_kept(bucket: Artifacts) -> None:
    with pytest.raises(OperationError, match="package two was changed"):
        put(bucket, {"one": ONE, "two": b"evil"})

    assert keys(bucket) == []


def test_a_package_that_was_changed_in_the_bucket_is_refused(bucket: Artifacts) -> None:
    put(bucket)
    key = RELEASE.packages["one"].key
    bucket._client.put_object(Bucket="artifacts", Key=key, Body=b"evil")

    with pytest.raises(OperationError, match="package one was changed"):
        put(bucket)
    with pytest.raises(OperationError, match="package one was changed"):
        bucket.read(RELEASE.packages["one"])


def test_a_manifest_that_names_other_packages_than_its_digest_is_refused() -> None:
    content = json.loads(RELEASE.manifest)
    content["packages"]["one"]["sha256"] = hashlib.sha256(b"evil").hexdigest()

    with pytest.raises(OperationError, match=r"manifest\.json was changed"):
        Release.parse(json.dumps(content).encode(), "manifest.json")


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"release": "x", "packages": {"a": {}}}'])
def test_what_is_no_manifest_is_refused(text: bytes) -> None:
    with pytest.raises(OperationError, match="is not a release manifest"):
        Release.parse(text, "manifest.json")


def test_what_is_missing_is_named(bucket: Artifacts) -> None:
    with pytest.raises(OperationError, match=f"does not have release {RELEASE.short}"):
        bucket.release(RELEASE.digest)
    with pytest.raises(OperationError, match=r"packages/one/.* is missing"):
        bucket.read(RELEASE.packages["one"])


def test_an_account_without_its_buckets_is_told_so(aws: Callable[[str], Any]) -> None:
    with pytest.raises(OperationError, match="The bucket nowhere is missing"):
        put(Artifacts(aws("s3"), "nowhere"))


def test_a_refusal_of_the_bucket_is_shown_as_it_is(aws: Callable[[str], Any]) -> None:
    client = aws("s3")
    stubber = Stubber(client)
    stubber.add_client_error("put_object", "AccessDenied", "no right")

    with stubber, pytest.raises(ClientError, match="AccessDenied"):
        put(Artifacts(client, "artifacts"))


def test_the_last_smoke_test_counts(bucket: Artifacts) -> None:
    assert bucket.smoke_test(RELEASE.digest) is None

    bucket.record_smoke_test(RELEASE.digest, passed=False, detail="no row")
    bucket.record_smoke_test(RELEASE.digest, passed=True, detail="1 row")

    record = bucket.smoke_test(RELEASE.digest)
    assert record is not None
    assert (record["passed"], record["detail"]) == (True, "1 row")


def test_what_was_built_is_read_from_its_folder(tmp_path: Path) -> None:
    with pytest.raises(OperationError, match="Type 'make package'"):
        built(tmp_path)
    (tmp_path / "manifest.json").write_bytes(RELEASE.manifest)
    (tmp_path / "one.zip").write_bytes(ONE)

    release, read = built(tmp_path)

    assert release == RELEASE
    assert read(release.packages["one"]) == ONE
