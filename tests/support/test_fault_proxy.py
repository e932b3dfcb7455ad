"""The proxy passes everything except its configured faults."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pymysql
import pytest
import requests
from pytest_httpserver import HTTPServer

from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.mariadb import MariaDB

BODY = "x" * 1000
# With the byte that says that a statement follows, or SET AUTOCOMMIT would be meant too.
COMMIT = b"\x03COMMIT"


@contextmanager
def proxy_of(port: int) -> Iterator[FaultProxy]:
    proxy = FaultProxy(port)
    try:
        yield proxy
    finally:
        proxy.close()


@pytest.fixture
def http(httpserver: HTTPServer) -> Iterator[FaultProxy]:
    """A proxy of a server that answers every POST with a body."""
    httpserver.expect_request("/", method="POST").respond_with_data(BODY)
    with proxy_of(httpserver.port) as proxy:
        yield proxy


def post(proxy: FaultProxy, text: str = "{}", timeout: float = 5) -> requests.Response:
    return requests.post(f"http://127.0.0.1:{proxy.port}/", data=text, timeout=timeout)


def test_without_a_fault_everything_passes(http: FaultProxy) -> None:
    session = requests.Session()
    for _ in range(3):
        answer = session.post(f"http://127.0.0.1:{http.port}/", data="y" * 100_000, timeout=5)
        assert (answer.status_code, answer.text) == (200, BODY)
    assert http.hits == 0


def test_it_answers_in_the_servers_place(http: FaultProxy, httpserver: HTTPServer) -> None:
    with http.fault(Fault(status=503, delivered=False, times=1), Fault(status=429, matching=b"b")):
        assert post(http, "a").status_code == 503
        assert post(http, "a").status_code == 200
        assert post(http, "b").status_code == 429
    assert post(http, "b").status_code == 200
    # The first never arrived; of the third the server's own answer was kept back.
    assert [request.data for request, _ in httpserver.log] == [b"a", b"b", b"b"]
    assert http.hits == 2


@pytest.mark.parametrize("cut", [0, 20, 300])
def test_it_resets_a_connection_in_the_middle_of_an_answer(
    http: FaultProxy, httpserver: HTTPServer, cut: int
) -> None:
    with http.fault(Fault(cut=cut)), pytest.raises(requests.RequestException) as caught:
        post(http)
    assert "reset" in str(caught.value).lower()
    assert len(httpserver.log) == 1


def test_it_is_slow(http: FaultProxy) -> None:
    with http.fault(Fault(seconds=0.5)):
        started = time.monotonic()
        assert post(http).text == BODY
        assert time.monotonic() - started >= 0.5
        with pytest.raises(requests.ReadTimeout):
            post(http, timeout=0.1)


def test_it_refuses_connections_and_takes_them_again(http: FaultProxy) -> None:
    with http.refusing(), pytest.raises(requests.ConnectionError, match="refused"):
        post(http)
    assert post(http).status_code == 200


def test_the_database_may_commit_and_the_client_not_know(mariadb: MariaDB) -> None:
    mariadb.execute("CREATE OR REPLACE TABLE proxied (id INT PRIMARY KEY)")
    with proxy_of(mariadb.port) as proxy:

        def insert(number: int) -> None:
            connection = pymysql.connect(
                host=mariadb.host,
                port=proxy.port,
                user=mariadb.root.username,
                password=mariadb.root.password,
                database=mariadb.name,
                ssl_disabled=True,
            )
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO proxied VALUES (%s)", [number])
            connection.commit()
            connection.close()

        insert(1)
        with proxy.fault(Fault(matching=COMMIT, cut=0)), pytest.raises(pymysql.MySQLError):
            insert(2)
        with (
            proxy.fault(Fault(matching=COMMIT, delivered=False)),
            pytest.raises(pymysql.MySQLError),
        ):
            insert(3)
        with proxy.refusing(), pytest.raises(pymysql.MySQLError):
            insert(4)
        insert(5)
    rows = mariadb.execute("SELECT id FROM proxied ORDER BY id")
    assert [row["id"] for row in rows] == [1, 2, 5]
