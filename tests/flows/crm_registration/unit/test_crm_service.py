"""The step functions against a real HTTP server: what is sent, and what each answer comes to."""

from __future__ import annotations

import json
import logging
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from crm_registration import create_benefit, create_client, create_partner
from crm_registration.crm_service import CRMService, crm_service
from crm_registration.errors import CrmRejected, CrmUnavailable, InvalidLead
from flowbridge.errors import ConfigurationError, SecretUnavailable
from flowbridge.secret import Secret
from tests.support.functions import (
    FIELDS,
    LEAD,
    LambdaContext,
    body_of,
    logged,
    personal_data_in,
)

HANDLERS: dict[str, Callable[[dict[str, Any], object], dict[str, Any]]] = {
    "create_client": create_client.handler,
    "create_partner": create_partner.handler,
    "create_benefit": create_benefit.handler,
}
DONE = {"success": True, "message": "The client was created"}
KEY = "key-of-forty-characters-key-of-forty-cha"


class KeyStore:
    """A secret that can be rotated, and counts how often it is read."""

    def __init__(self, value: str = KEY) -> None:
        self.value = value
        self.reads = 0
        self.away = False

    def read(self, _: str) -> str:
        """Read it as Secrets Manager does."""
        self.reads += 1
        if self.away:
            raise SecretUnavailable("Secrets Manager did not respond for key: ReadTimeoutError")
        return self.value


@pytest.fixture
def keys() -> KeyStore:
    """The secret of the API key."""
    return KeyStore()


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls of loopback go to no proxy."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture
def service(httpserver: HTTPServer, keys: KeyStore, no_proxy: None) -> CRMService:
    """The service, in front of the test's server."""
    return service_at(httpserver.url_for(""), keys)


def service_at(url: str, keys: KeyStore) -> CRMService:
    """Return a service that soon loses patience."""
    return CRMService(url.rstrip("/"), Secret("key", keys.read), requests.Session(), (0.5, 0.3))


def requests_of(server: HTTPServer) -> list[Request]:
    """Return what a server was asked."""
    return [request for request, _ in server.log]


class TestWhatIsSent:
    """Each endpoint gets its own fields and the key, nothing more."""

    @pytest.mark.parametrize("name", FIELDS)
    def test_the_endpoints_fields(
        self, name: str, httpserver: HTTPServer, service: CRMService
    ) -> None:
        httpserver.expect_request(f"/{name}", method="POST").respond_with_json(DONE, status=201)

        getattr(service, name)(LEAD | {"campaign": "spring"})

        [request] = requests_of(httpserver)
        assert request.get_json() == body_of(name)
        assert list(request.get_json()) == list(FIELDS[name])
        assert request.headers["x-api-key"] == KEY
        assert request.headers["Content-Type"] == "application/json"

    def test_the_name_of_the_execution(self, httpserver: HTTPServer, service: CRMService) -> None:
        httpserver.expect_request("/create_client").respond_with_json(DONE, status=201)

        service.create_client(LEAD | {"execution": "event-1_run-1"})
        service.create_client(LEAD)

        named, unnamed = requests_of(httpserver)
        assert named.headers["x-execution"] == "event-1_run-1"
        assert named.get_json() == body_of("create_client")
        assert "x-execution" not in unnamed.headers

    def test_letters_of_every_alphabet(self, httpserver: HTTPServer, service: CRMService) -> None:
        httpserver.expect_request("/create_client").respond_with_json(DONE)

        service.create_client(LEAD | {"name": "Íñigo 🦊 李"})

        assert json.loads(requests_of(httpserver)[0].get_data())["name"] == "Íñigo 🦊 李"

    def test_the_key_is_read_once(
        self, httpserver: HTTPServer, service: CRMService, keys: KeyStore
    ) -> None:
        httpserver.expect_request("/create_client").respond_with_json(DONE)

        for _ in range(3):
            service.create_client(LEAD)

        assert keys.reads == 1

    def test_a_line_end_after_the_key_is_not_sent(
        self, httpserver: HTTPServer, service: CRMService, keys: KeyStore
    ) -> None:
        keys.value = f"{KEY}\n"
        httpserver.expect_request("/create_client").respond_with_json(DONE)

        service.create_client(LEAD)

        assert requests_of(httpserver)[0].headers["x-api-key"] == KEY

    def test_a_lead_that_lacks_a_field_is_not_sent(
        self, httpserver: HTTPServer, service: CRMService
    ) -> None:
        with pytest.raises(InvalidLead, match=r"^the lead lacks mail, which create_client needs$"):
            service.create_client({k: v for k, v in LEAD.items() if k != "mail"})

        assert requests_of(httpserver) == []


class TestAnswers:
    """A good answer is silence, any other one of two errors."""

    @pytest.mark.parametrize("status", [200, 201, 202])
    def test_success(self, status: int, httpserver: HTTPServer, service: CRMService) -> None:
        httpserver.expect_request("/create_client").respond_with_json(DONE, status=status)

        service.create_client(LEAD)

        assert len(requests_of(httpserver)) == 1

    @pytest.mark.parametrize("status", [400, 401, 404, 405, 409, 413, 415, 422])
    def test_a_refusal_is_for_good(
        self, status: int, httpserver: HTTPServer, service: CRMService
    ) -> None:
        answer = {"success": False, "message": "The client already exists with another mail"}
        httpserver.expect_request("/create_client").respond_with_json(answer, status=status)

        with pytest.raises(CrmRejected) as error:
            service.create_client(LEAD)

        assert str(error.value) == (
            f"create_client returned {status}: The client already exists with another mail"
        )
        assert len(requests_of(httpserver)) == 1

    @pytest.mark.parametrize("status", [403, 408, 425, 429, 500, 501, 502, 503, 504])
    def test_a_failure_may_pass(
        self, status: int, httpserver: HTTPServer, service: CRMService
    ) -> None:
        httpserver.expect_request("/create_client").respond_with_data("<html>", status=status)

        with pytest.raises(CrmUnavailable, match=f"^create_client returned {status}: no message$"):
            service.create_client(LEAD)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_not_followed(
        self, status: int, httpserver: HTTPServer, service: CRMService
    ) -> None:
        location = {"Location": httpserver.url_for("/elsewhere")}
        httpserver.expect_request("/create_client").respond_with_data("", status, location)
        httpserver.expect_request("/elsewhere").respond_with_json(DONE)

        with pytest.raises(CrmRejected, match=f"^create_client returned {status}"):
            service.create_client(LEAD)

        assert [request.path for request in requests_of(httpserver)] == ["/create_client"]

    @pytest.mark.parametrize(
        "body",
        [
            "",
            "<html>proxy error</html>",
            "[]",
            "null",
            '"success"',
            "{}",
            '{"success": false}',
            '{"success": "true"}',
            '{"success": 1}',
            "[" * 100_000,
        ],
    )
    def test_a_good_status_with_another_body_is_no_success(
        self, body: str, httpserver: HTTPServer, service: CRMService
    ) -> None:
        httpserver.expect_request("/create_client").respond_with_data(body, 200)

        with pytest.raises(CrmUnavailable, match=r"returned 200 without 'success': true$"):
            service.create_client(LEAD)

    def test_a_long_message_is_cut(self, httpserver: HTTPServer, service: CRMService) -> None:
        httpserver.expect_request("/create_client").respond_with_json(
            {"message": "x" * 5000}, status=400
        )

        with pytest.raises(CrmRejected) as error:
            service.create_client(LEAD)

        assert len(str(error.value)) < 300


class TestRotation:
    """A key that was rotated is read again, once."""

    def serve(self, server: HTTPServer, good: str) -> None:
        def answer(request: Request) -> Response:
            if request.headers["x-api-key"] == good:
                return Response(json.dumps(DONE), 201)
            return Response('{"message":"Forbidden"}', 403)

        server.expect_request("/create_client").respond_with_handler(answer)

    def test_the_call_is_made_again_with_the_new_key(
        self, httpserver: HTTPServer, service: CRMService, keys: KeyStore
    ) -> None:
        self.serve(httpserver, KEY)
        service.create_client(LEAD)
        httpserver.clear()
        self.serve(httpserver, "the-new-key")
        keys.value = "the-new-key"

        service.create_client(LEAD)
        service.create_client(LEAD)

        sent = [request.headers["x-api-key"] for request in requests_of(httpserver)]
        assert sent == [KEY, "the-new-key", "the-new-key"]
        assert keys.reads == 2

    def test_the_same_key_is_not_tried_again(
        self, httpserver: HTTPServer, service: CRMService, keys: KeyStore
    ) -> None:
        self.serve(httpserver, "another")

        with pytest.raises(CrmUnavailable, match="returned 403: Forbidden"):
            service.create_client(LEAD)

        assert (len(requests_of(httpserver)), keys.reads) == (1, 2)

    def test_a_new_key_that_is_refused_too_is_not_tried_a_third_time(
        self, httpserver: HTTPServer, service: CRMService, keys: KeyStore
    ) -> None:
        self.serve(httpserver, KEY)
        service.create_client(LEAD)
        httpserver.clear()
        self.serve(httpserver, "another")
        keys.value = "wrong"

        with pytest.raises(CrmUnavailable, match="returned 403"):
            service.create_client(LEAD)

        assert len(requests_of(httpserver)) == 2

    def test_no_key_can_be_had(
        self, httpserver: HTTPServer, service: CRMService, keys: KeyStore
    ) -> None:
        keys.away = True

        with pytest.raises(CrmUnavailable, match="create_client cannot be called: Secrets Manager"):
            service.create_client(LEAD)

        assert requests_of(httpserver) == []


class TestBrokenConnections:
    """Whatever breaks between here and the API may be whole again later."""

    def test_nobody_listens(self, keys: KeyStore, no_proxy: None) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]

        with pytest.raises(
            CrmUnavailable, match=r"^create_client did not respond: ConnectionError$"
        ):
            service_at(f"http://127.0.0.1:{port}", keys).create_client(LEAD)

    def test_the_answer_takes_too_long(self, httpserver: HTTPServer, service: CRMService) -> None:
        release = threading.Event()

        def answer(_: Request) -> Response:
            release.wait(5)
            return Response(json.dumps(DONE), 201)

        httpserver.expect_request("/create_client").respond_with_handler(answer)
        begin = time.monotonic()
        try:
            with pytest.raises(CrmUnavailable, match=r"did not respond: ReadTimeout$"):
                service.create_client(LEAD)
            assert time.monotonic() - begin < 2
        finally:
            release.set()

    @pytest.mark.parametrize("how", ["reset", "closed", "silent"])
    @pytest.mark.parametrize(
        "sent", ["", 'HTTP/1.1 201 Created\r\nContent-Length: 90\r\n\r\n{"suc']
    )
    def test_the_answer_stops_in_the_middle(
        self, how: str, sent: str, keys: KeyStore, no_proxy: None
    ) -> None:
        with (
            raw_server(sent.encode(), how) as url,
            pytest.raises(CrmUnavailable, match=r"^create_client did not respond: "),
        ):
            service_at(url, keys).create_client(LEAD)

    def test_something_else_listens(self, keys: KeyStore, no_proxy: None) -> None:
        message = r"^create_client did not respond: ConnectionError$"
        with (
            raw_server(b"220 mail.example.cl ESMTP\r\n", "closed") as url,
            pytest.raises(CrmUnavailable, match=message),
        ):
            service_at(url, keys).create_client(LEAD)

    def test_the_answer_cannot_be_decoded(
        self, httpserver: HTTPServer, service: CRMService
    ) -> None:
        httpserver.expect_request("/create_client").respond_with_data(
            "no gzip", 200, {"Content-Encoding": "gzip"}
        )

        with pytest.raises(CrmUnavailable, match=r"did not respond: ContentDecodingError$"):
            service.create_client(LEAD)

    def test_the_next_call_works_again(self, httpserver: HTTPServer, service: CRMService) -> None:
        httpserver.expect_ordered_request("/create_client").respond_with_data("", 503)
        httpserver.expect_ordered_request("/create_client").respond_with_json(DONE, 201)

        with pytest.raises(CrmUnavailable):
            service.create_client(LEAD)
        service.create_client(LEAD)


class TestWrongDeployment:
    """An error that no retry can fix says what to fix, without the key."""

    @pytest.mark.parametrize(
        "url", ["crm.example.cl", "ftp://crm.example.cl", "http://", "http://[1"]
    )
    def test_the_url_can_never_work(self, url: str, keys: KeyStore) -> None:
        with pytest.raises(
            ConfigurationError, match=r"create_client cannot be called: .*CRM_API_URL"
        ):
            service_at(url, keys).create_client(LEAD)

    @pytest.mark.parametrize("key", ['{"key":\n"secret-value"}', "secret-välue", "secret-🦊"])
    def test_the_key_is_none(
        self, key: str, httpserver: HTTPServer, service: CRMService, keys: KeyStore
    ) -> None:
        keys.value = key

        with pytest.raises(ConfigurationError, match="CRM_API_KEY_SECRET") as error:
            service.create_client(LEAD)

        assert "secret-" not in str(error.value)
        assert requests_of(httpserver) == []

    @pytest.mark.parametrize("name", ["CRM_API_URL", "CRM_API_KEY_SECRET"])
    def test_a_variable_is_missing(
        self, name: str, fresh_functions: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CRM_API_URL", "http://127.0.0.1:1")
        monkeypatch.setenv("CRM_API_KEY_SECRET", "key")
        monkeypatch.delenv(name)

        with pytest.raises(ConfigurationError, match=f"The environment variable {name} is not set"):
            create_client.handler(LEAD, LambdaContext())


class TestHandlers:
    """The functions as Step Functions invokes them, the key in Secrets Manager."""

    @pytest.fixture
    def api(
        self,
        httpserver: HTTPServer,
        aws: Callable[[str], Any],
        fresh_functions: None,
        no_proxy: None,
        monkeypatch: pytest.MonkeyPatch,
    ) -> HTTPServer:
        secret = aws("secretsmanager").create_secret(Name="key", SecretString=KEY)
        monkeypatch.setenv("CRM_API_URL", httpserver.url_for("") + "/")
        monkeypatch.setenv("CRM_API_KEY_SECRET", secret["ARN"])
        monkeypatch.setenv("CRM_READ_TIMEOUT", "0.5")
        return httpserver

    @pytest.mark.parametrize("name", HANDLERS)
    def test_the_lead_is_returned_as_it_came(self, name: str, api: HTTPServer) -> None:
        api.expect_request(f"/{name}", method="POST", headers={"x-api-key": KEY}).respond_with_json(
            DONE, status=201
        )
        lead = LEAD | {"campaign": ["spring"]}

        assert HANDLERS[name](dict(lead), LambdaContext()) == lead
        assert len(requests_of(api)) == 1

    @pytest.mark.parametrize("name", HANDLERS)
    def test_errors_are_raised(self, name: str, api: HTTPServer) -> None:
        api.expect_ordered_request(f"/{name}").respond_with_json({"message": "no"}, status=409)
        api.expect_ordered_request(f"/{name}").respond_with_json({"message": "no"}, status=503)

        with pytest.raises(CrmRejected):
            HANDLERS[name](LEAD, LambdaContext())
        with pytest.raises(CrmUnavailable):
            HANDLERS[name](LEAD, LambdaContext())

    def test_the_service_is_kept_between_invocations(self, api: HTTPServer) -> None:
        assert crm_service() is crm_service()

    def test_no_personal_data_is_logged_or_raised(
        self, api: HTTPServer, logs: list[logging.LogRecord]
    ) -> None:
        api.expect_ordered_request("/create_client").respond_with_json(DONE, status=201)
        api.expect_ordered_request("/create_client").respond_with_json({}, status=500)

        create_client.handler(LEAD, LambdaContext())
        with pytest.raises(CrmUnavailable) as error:
            create_client.handler(LEAD, LambdaContext())

        assert '"endpoint": "create_client", "status": 201' in logged(logs)
        assert personal_data_in(logged(logs) + str(error.value)) == []
        assert KEY not in logged(logs, above=0)


@contextmanager
def raw_server(answer: bytes, then: str) -> Iterator[str]:
    """Take one request, answer some bytes, and close, reset or fall silent."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(answer)
            if then == "reset":
                # Closing with a linger of no time sends RST instead of FIN.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if then == "silent":
                over.wait(5)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        thread.join()
        listener.close()
