"""The output bucket: pointers move forward, files are complete, old runs go."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from athena_unload.clean_up import cleaned
from athena_unload.errors import PointerMoved, UnloadIncomplete
from athena_unload.output import Output
from athena_unload.switch_pointer import switched

PLAN = {
    "useCase": "reviews",
    "run": "2026-b",
    "startedAt": "now",
    "prefix": "unload/reviews/2026-b/",
    "location": "s3://out/unload/reviews/2026-b/",
}
QUERY = {
    "QueryExecutionId": "q",
    "Statistics": {"DataManifestLocation": "s3://out/query-results/q.csv", "DataScannedInBytes": 9},
}
FILE = "unload/reviews/2026-b/f1"
POINTER = "current/reviews.json"


class Exceptions:
    """The errors of the client."""

    ClientError = ClientError
    NoSuchKey = KeyError


class S3:
    """The calls of S3 that the functions use, on a dictionary, with an object a page."""

    exceptions = Exceptions

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.keeps_all = False

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        content = self.objects[Key]
        return {"Body": io.BytesIO(content), "ETag": str(hash(content))}

    def put_object(self, Key: str, Body: bytes, **more: Any) -> None:  # noqa: N803
        before = self.objects.get(Key)
        is_other = more.get("IfMatch", str(hash(before))) != str(hash(before))
        if is_other or ("IfNoneMatch" in more and before is not None):
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "PutObject")
        self.objects[Key] = Body

    def delete_objects(self, Bucket: str, Delete: Any) -> dict[str, Any]:  # noqa: N803
        if self.keeps_all:
            return {"Errors": [{"Code": "AccessDenied"}]}
        for one in Delete["Objects"]:
            del self.objects[one["Key"]]
        return {}

    def get_paginator(self, _: str) -> S3:
        return self

    def paginate(self, Bucket: str, Prefix: str, Delimiter: str = "") -> Iterator[Any]:  # noqa: N803
        keys = sorted(key for key in self.objects if key.startswith(Prefix))
        if Delimiter:
            folders = sorted({key[: key.index("/", len(Prefix)) + 1] for key in keys})
            yield from ({"CommonPrefixes": [{"Prefix": one}]} for one in folders)
        else:
            yield from ({"Contents": [{"Key": k, "Size": len(self.objects[k])}]} for k in keys)
        yield {}


@pytest.fixture
def s3() -> S3:
    found = S3()
    found.objects["query-results/q.csv"] = f"s3://out/{FILE}\n".encode()
    found.objects[FILE] = b"rows"
    return found


@pytest.fixture
def output(s3: S3) -> Output:
    return Output("out", s3)


def test_the_first_run_becomes_current(s3: S3, output: Output) -> None:
    notice = switched(output, PLAN, QUERY)

    assert (notice["files"], notice["bytes"], notice["isCurrent"]) == (1, 4, True)
    assert notice["manifest"] == "s3://out/unload/reviews/2026-b/_manifest.csv"
    assert s3.objects["unload/reviews/2026-b/_manifest.csv"] == f"s3://out/{FILE}\n".encode()
    assert json.loads(s3.objects[POINTER])["run"] == "2026-b"


def test_the_pointer_remembers_the_run_before(s3: S3, output: Output) -> None:
    s3.objects[POINTER] = b'{"run": "2026-a"}'

    switched(output, PLAN, QUERY)

    found = json.loads(s3.objects[POINTER])
    assert (found["run"], found["previous"]) == ("2026-b", "2026-a")


def test_an_older_run_does_not_move_the_pointer_back(s3: S3, output: Output) -> None:
    s3.objects[POINTER] = b'{"run": "2026-c"}'

    assert switched(output, PLAN, QUERY)["isCurrent"] is False
    assert s3.objects[POINTER] == b'{"run": "2026-c"}'


def test_the_same_run_again_is_current(output: Output) -> None:
    first = switched(output, PLAN, QUERY)

    assert switched(output, PLAN, QUERY) == first


def test_a_missing_file_leaves_the_pointer(s3: S3, output: Output) -> None:
    s3.objects[POINTER] = b'{"run": "2026-a"}'
    del s3.objects[FILE]

    with pytest.raises(UnloadIncomplete, match="1 of 1 files are missing"):
        switched(output, PLAN, QUERY)
    assert s3.objects[POINTER] == b'{"run": "2026-a"}'


@pytest.mark.parametrize("tag", ["other", ""])
def test_a_pointer_that_another_run_moves_is_read_again(s3: S3, output: Output, tag: str) -> None:
    s3.objects[POINTER] = b'{"run": "2026-a"}'

    with pytest.raises(PointerMoved):
        output.move_pointer("reviews", {}, tag)


def test_old_runs_are_deleted_but_the_current_one_and_the_one_before(
    s3: S3, output: Output
) -> None:
    s3.objects[POINTER] = b'{"run": "2020-c", "previous": "2020-b"}'
    files = {run: f"unload/reviews/{run}/file" for run in ("2020-a", "2020-b", "2020-c", "2030-d")}
    # A prefix without its slash would take the folder of another use case too.
    other = "unload/reviews2/2020-a/file"
    s3.objects |= dict.fromkeys([*files.values(), other], b"")

    assert cleaned(output, "reviews", "2026") == ["2020-a"]
    assert files["2020-a"] not in s3.objects
    assert {files["2020-b"], files["2020-c"], files["2030-d"], other} <= set(s3.objects)


def test_objects_that_s3_keeps_fail_the_clean_up(s3: S3, output: Output) -> None:
    s3.objects[POINTER] = b'{"run": "2026-a"}'
    s3.objects["unload/reviews/2020-a/file"] = b""
    s3.keeps_all = True

    with pytest.raises(RuntimeError, match="S3 kept 1 objects: AccessDenied"):
        cleaned(output, "reviews", "2026")
