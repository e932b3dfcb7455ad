"""The frame of stand-ins: botocore's model reads requests and checks both directions."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from emulator import engines
from emulator.services import Refused, handler, model_of, problems, read
from ops.local.environment import EMULATOR
from ops.settings import REPOSITORY

PREFIX = "AWSGlue."


class Crawlers:
    """Two operations of Glue, with answers that a test gives."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.asked: dict[str, Any] = {}

    def get_crawler(self, asked: dict[str, Any]) -> Any:
        self.asked = asked
        return self.answer

    async def start_crawler(self, asked: dict[str, Any]) -> Any:
        raise Refused("CrawlerRunningException", "It runs.")


def call(service: object, operation: str, body: Any) -> tuple[int, Any]:
    headers = {"x-amz-target": PREFIX + operation}
    handle = handler(service, "glue")

    async def answered() -> tuple[int, dict[str, str], bytes]:
        return await handle("POST", "/", headers, json.dumps(body).encode(), {})

    status, _, content = asyncio.run(answered())
    return status, json.loads(content)


def test_an_answer_has_the_fields_that_aws_has() -> None:
    crawlers = Crawlers({"Crawler": {"Name": "a", "Own": 1}})

    assert call(crawlers, "GetCrawler", {"Name": "a"}) == (200, {"Crawler": {"Name": "a"}})
    assert crawlers.asked == {"Name": "a"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Name is missing"),
        ({"Name": 1}, "Name. is not a string"),
        ({"Name": "a", "Other": 1}, "Other is unknown"),
        ([], "The body is not a JSON object."),
    ],
)
def test_a_request_that_does_not_fit_is_refused(body: Any, message: str) -> None:
    status, answer = call(Crawlers(), "GetCrawler", body)

    assert status == 400
    assert answer["message"] == message


def test_an_answer_that_aws_does_not_give_is_an_error() -> None:
    status, answer = call(Crawlers({"Crawler": {"State": "FINE"}}), "GetCrawler", {"Name": "a"})

    assert status == 500
    assert "Crawler.State. is 'FINE', not one of READY" in answer["message"]


def test_a_refusal_has_the_code_of_the_service() -> None:
    status, answer = call(Crawlers(), "StartCrawler", {"Name": "a"})

    assert (status, answer["__type"]) == (400, "CrawlerRunningException")


@pytest.mark.parametrize("operation", ["StopCrawler", "FlyCrawler"])
def test_an_operation_that_is_missing_is_said(operation: str) -> None:
    status, answer = call(Crawlers(), operation, {"Name": "a"})

    assert (status, answer["__type"]) == (400, "UnknownOperationException")


def test_a_path_names_the_operation_and_fields() -> None:
    operation, fields = read(
        model_of("databrew"),
        "POST",
        "/recipes/a%20b/publishRecipe",
        {},
        b'{"Description": null}',
        {},
    )

    assert (operation.name, fields) == ("PublishRecipe", {"Name": "a b"})


def test_fields_of_the_query_are_read_by_type() -> None:
    _, fields = read(model_of("databrew"), "GET", "/jobs", {}, b"", {"maxResults": ["5"]})

    assert fields == {"MaxResults": 5}


def test_lists_and_maps_are_checked_within() -> None:
    shape = model_of("glue").operation_model("ListCrawlers").input_shape

    assert list(problems({"Tags": {"a": 1}}, shape)) == ["Tags. is not a string"]
    assert list(problems({"MaxResults": True}, shape)) == ["MaxResults. is not a integer"]


def test_every_method_of_a_stand_in_is_an_operation_of_aws() -> None:
    code = """
import json
from ministack import app
from emulator import services, stand_ins
stand_ins.with_stand_ins(app.app)
found = services.registered
print(json.dumps({n: services.without_operation(n, s) for n, s in found.items()}))
"""
    found = subprocess.run(
        [EMULATOR[0], "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )

    assert all(not names for names in json.loads(found.stdout.splitlines()[-1]).values())


def test_an_engine_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(engines.EngineMissing, match="'sql' is not installed"):
        engines.use("sql", tmp_path)


def test_an_engine_is_found_after_all_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["own"])
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    libraries = tmp_path / "sql" / "lib" / version / "site-packages"
    libraries.mkdir(parents=True)

    engines.use("sql", tmp_path)
    engines.use("sql", tmp_path)

    assert sys.path == ["own", str(libraries)]
