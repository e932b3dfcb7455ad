"""Hostile requests to the running API: what its document promises, whatever is sent.

The emulator plays API Gateway. It differs from AWS where a test says so.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pymysql
import pytest
import requests
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
)

from tests.flows.crm_registration.support.registration import FLOW, Registration
from tests.support.functions import FIELDS, body_of
from tests.support.hostile import bodies, cases, leaked, texts
from tests.support.platform import wait_for
from tests.support.public_api import CHECKS

TABLES = ("CLIENTS", "PARTNERS", "BENEFIT")
ENDPOINTS = sorted(FIELDS)


class Api:
    """The running API: its document, its address, its key, its rows and logs."""

    def __init__(self, platform: Registration) -> None:
        self.platform = platform
        #: In milliseconds: what is older in a log is of other tests, which kill functions.
        self.began = int(time.time() * 1000)
        self.url: str = platform.outputs["flows"][FLOW]["apis"]["crm"]["url"]
        self.key = platform.api_key()
        self.session = requests.Session()
        self.schema = schemathesis.openapi.from_dict(platform.api_document(FLOW, "crm"))
        administrator = platform.settings.folder / "database" / "administrator.json"
        credentials = json.loads(administrator.read_text())
        self._connection = pymysql.connect(
            host="127.0.0.1",
            port=platform.settings.ports.database,
            database="crm",
            user=credentials["username"],
            password=credentials["password"],
            autocommit=True,
        )
        self.before = {table: self._one(f"SELECT MAX(id) FROM {table}") or 0 for table in TABLES}
        self.written = 0

    def post(self, endpoint: str, body: bytes | str, **headers: str) -> requests.Response:
        """Send a body with the key, and see that the answer is what the document describes."""
        response = self.session.post(
            f"{self.url}/{endpoint}",
            data=body,
            headers={"x-api-key": self.key, "Content-Type": "application/json", **headers},
            timeout=60,
        )
        self.check(endpoint, response)
        return response

    def check(self, endpoint: str, response: requests.Response) -> None:
        """See that an answer is what the document describes, and count what was written."""
        self.schema[f"/{endpoint}"]["post"].validate_response(response)
        assert response.status_code < 500
        assert set(response.json()) == {"success", "message"}
        self.written += response.status_code == 201

    def new_rows(self) -> int:
        """Return how many rows were written since the tests began."""
        return sum(
            int(self._one(f"SELECT COUNT(*) FROM {table} WHERE id > {self.before[table]}"))
            for table in TABLES
        )

    def close(self) -> None:
        """Take the rows out again: other tests count on people who are not there."""
        for table in TABLES:
            self._one(f"DELETE FROM {table} WHERE id > {self.before[table]}")
        self._connection.close()

    def _one(self, query: str) -> Any:
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone()
            return row[0] if row else None


@pytest.fixture(scope="module")
def api(platform: Registration) -> Iterator[Api]:
    """The API of the running platform."""
    api = Api(platform)
    yield api
    api.close()


@pytest.mark.parametrize("mode", schemathesis.GenerationMode)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_its_own_document(
    endpoint: str, mode: schemathesis.GenerationMode, api: Api, platform: Registration
) -> None:
    """The API accepts what the document allows, and refuses the rest with the documented answer."""
    operation = api.schema[f"/{endpoint}"]["post"]
    judge = (
        positive_data_acceptance
        if mode is schemathesis.GenerationMode.POSITIVE
        else negative_data_rejection
    )

    @cases(20)
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        response = case.call(
            base_url=api.url, session=api.session, headers={"x-api-key": api.key}, timeout=60
        )
        case.validate_response(response, checks=[*CHECKS, judge])
        api.written += response.status_code == 201

    run()
    assert api.new_rows() == api.written


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_any_body(endpoint: str, api: Api, platform: Registration) -> None:
    @cases(20)
    @given(
        text=bodies(FIELDS[endpoint]),
        kind=st.sampled_from(
            [
                "application/json",
                "application/json; charset=utf-16",
                "text/plain",
                "application/xml",
                "application/x-www-form-urlencoded",
                "multipart/form-data; boundary=x",
                "APPLICATION/JSON",
            ]
        ),
    )
    def run(text: str, kind: str) -> None:
        body = text.encode("utf-8", "surrogatepass")
        response = api.post(endpoint, body, **{"Content-Type": kind})
        assert response.status_code in (200, 201, 400, 409)
        assert leaked(response.text, text) == []

    run()
    assert api.new_rows() == api.written


def object_of(size: int) -> bytes:
    return json.dumps(body_of("create_partner", store="x" * size)).encode()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(object_of(9_000_000), id="9 MB"),
        # AWS answers 413 to more than 10 MB; the emulator takes any size.
        pytest.param(object_of(11_000_000), id="11 MB"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="deep"),
        pytest.param(b'{"rut":' * 50_000 + b"1" + b"}" * 50_000, id="deep objects"),
        pytest.param(b"\xff\xfe\x00", id="no UTF-8"),
        pytest.param('{"rut":"1-9","store":"x"}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"rut":"1-9","store":"x","rut":"2-7"}', id="a name twice"),
        pytest.param(b'{"rut":"1-9","store":"\\ud83e"}', id="half a character"),
        pytest.param(b'{"rut":"1-9","store":"a\\u0000b"}', id="NUL"),
        pytest.param(b'{"rut":"1-9","store":"a\\r\\nb"}', id="line end"),
        pytest.param(b'{"rut":"1-9","store":' + b"9" * 100_000 + b"}", id="long number"),
        pytest.param(b'{"rut":"1-9","store":1e400}', id="infinite number"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_body_that_nobody_means(body: bytes, api: Api, platform: Registration) -> None:
    assert api.post("create_partner", body).status_code == 400
    assert api.new_rows() == api.written


def raw(api: Api, target: str, *headers: bytes, body: bytes = b"") -> int:
    """Send a request as it is, and return the status of the answer."""
    address = urlsplit(api.url)
    assert address.hostname
    lines = [
        f"POST {address.path}{target} HTTP/1.1".encode(),
        b"Host: api",
        b"Connection: close",
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
        *headers,
    ]
    with socket.create_connection((address.hostname, address.port or 80), timeout=30) as stream:
        stream.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        answer = stream.makefile("rb").read()
    return int(answer.split(b" ", 2)[1])


#: The key in its place is let in; it is looked for nowhere else, and no two values are one.
SMUGGLED = {
    "nowhere": [],
    "empty": [b"x-api-key:"],
    "another header": [b"authorization: Bearer {key}", b"api-key: {key}", b"x-api-key-2: {key}"],
    "underscores": [b"x_api_key: {key}"],
    "a cookie": [b"cookie: x-api-key={key}"],
    "twice, the wrong one last": [b"x-api-key: {key}", b"x-api-key: " + b"w" * 40],
    "twice, the wrong one first": [b"x-api-key: " + b"w" * 40, b"X-API-Key: {key}"],
    "a list": [b"x-api-key: " + b"w" * 40 + b", {key}"],
    "with a space inside": [b"x-api-key: {key} {key}"],
    "with quotes": [b'x-api-key: "{key}"'],
    "with a no-break space": [b"x-api-key: {key}\xa0"],
    "with a NUL": [b"x-api-key: {key}\x00"],
    "a blank before the colon": [b"x-api-key : {key}"],
    "a new line": [b"x-other: a\rx-api-key: {key}"],
    "a part": [b"x-api-key: {part}"],
    "in other letters": [b"x-api-key: {swapped}"],
    "as a list of SQL": [b"x-api-key: ' OR '1'='1"],
    "with a wildcard": [b"x-api-key: *"],
}


def with_key(api: Api, line: bytes) -> bytes:
    """Return a header's line with the key in it."""
    key = api.key
    line = line.replace(b"{key}", key.encode())
    return line.replace(b"{part}", key[:-1].encode()).replace(b"{swapped}", key.swapcase().encode())


@pytest.mark.parametrize("place", SMUGGLED)
def test_a_key_that_is_not_in_its_place(place: str, api: Api, platform: Registration) -> None:
    body = json.dumps(body_of("create_partner", rut="3-5")).encode()

    status = raw(api, "/create_partner", *(with_key(api, x) for x in SMUGGLED[place]), body=body)

    assert status in (400, 403)
    assert api.new_rows() == api.written


@pytest.mark.parametrize(
    "target", ["/create_partner?x-api-key={key}", "/create_partner#x-api-key={key}"]
)
def test_a_key_in_the_address(target: str, api: Api, platform: Registration) -> None:
    body = json.dumps(body_of("create_partner", rut="3-5") | {"x-api-key": api.key}).encode()

    assert raw(api, target.replace("{key}", api.key), body=body) in (400, 403)
    assert api.new_rows() == api.written


@pytest.mark.parametrize(
    "line", [b"X-Api-Key: {key}", b"x-api-key:{key}", b"X-API-KEY: \t {key} \t"]
)
def test_a_key_in_its_place(line: bytes, api: Api, platform: Registration) -> None:
    """A header's name has no case, and blanks around its value are none of it (RFC 9110)."""
    body = json.dumps(body_of("create_partner", rut="not-a-rut")).encode()

    assert raw(api, "/create_partner", with_key(api, line), body=body) == 400


@cases(20)
@given(value=texts.filter(lambda text: len(text) < 200))
def test_a_wrong_key(value: str, api: Api, platform: Registration) -> None:
    line = b"x-api-key: " + value.encode("utf-8", "surrogatepass")
    line = line.replace(b"\n", b" ").replace(b"\r", b" ")

    assert raw(api, "/create_partner", line, body=object_of(1)) in (400, 403)
    assert api.new_rows() == api.written


def test_a_request_within_a_request(api: Api, platform: Registration) -> None:
    """Two lengths are two readings: no request may hide in the body of another."""
    hidden = b"0\r\n\r\nPOST /x HTTP/1.1\r\nx-api-key: " + api.key.encode() + b"\r\n\r\n"

    assert raw(api, "/create_partner", b"Transfer-Encoding: chunked", body=hidden) in (400, 403)
    assert api.new_rows() == api.written


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_schemathesis_finds_no_way_around_the_key(
    endpoint: str, api: Api, platform: Registration
) -> None:
    @cases(2)
    @given(case=api.schema[f"/{endpoint}"]["post"].as_strategy())
    def run(case: Any) -> None:
        headers = {"x-api-key": api.key}
        response = case.call(base_url=api.url, session=api.session, headers=headers, timeout=60)
        case.validate_response(response, checks=[ignored_auth], headers=headers)
        api.written += response.status_code == 201

    run()
    assert api.new_rows() == api.written


def test_afterwards_every_line_of_the_logs_is_a_line(api: Api, platform: Registration) -> None:
    """Comes last: nothing of what was sent broke a line, and no function crashed."""
    logs = platform.aws.client("logs")
    mark = {"rut": "3-5", "store": "\r\n2026 ERROR forged \x1b[31m"}
    assert api.post("create_partner", json.dumps(mark)).status_code == 400
    for endpoint in ENDPOINTS:
        group = f"/aws/lambda/{platform.function(endpoint)}"

        def lines(group: str = group) -> list[str]:
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=group, startTime=api.began
            )
            return [event["message"] for page in pages for event in page["events"]]

        found = wait_for(lines, f"lines of {group}")
        assert [line for line in found if "Traceback" in line or "Task timed out" in line] == []
        ours = [x for x in found if not x.startswith(("START ", "END ", "REPORT ", "INIT_START "))]
        assert ours
        assert [line for line in ours if not is_json_object(line)] == []


def is_json_object(line: str) -> bool:
    """Return whether a line is a JSON object of printable ASCII."""
    try:
        return line.isascii() and line.strip().isprintable() and isinstance(json.loads(line), dict)
    except ValueError:
        return False
