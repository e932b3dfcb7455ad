"""Checks of ``http:invoke`` with connections of EventBridge, for `test_gaps`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.emulator.end_to_end.executions import ended, new, start, task

JsonObject = dict[str, Any]


class Service(BaseHTTPRequestHandler):
    """A service that gives a new token for each request of one, and takes the second only."""

    tokens = 0

    def do_POST(self) -> None:
        """Answer with the token, or with what the request has."""
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        answer: dict[str, str | None]
        if self.path == "/token":
            Service.tokens += 1
            is_known = "client_id=me" in text and "client_secret=secret" in text
            answer = {"access_token": f"t{Service.tokens}", "token_type": "bearer"}
            status = 200 if is_known else 400
        else:
            found = self.headers.get("Authorization")
            status = 200 if found == "Bearer t2" else 401
            answer = {"team": self.headers.get("X-Team"), "path": self.path, "body": text}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def service() -> Iterator[str]:
    """Run the service; yield its URL."""
    Service.tokens = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def parameters(**values: str) -> list[JsonObject]:
    """Return the parameters of a connection."""
    return [{"Key": key, "Value": value} for key, value in values.items()]


def connections(server: Any) -> bool:
    """A task has the parameters and the token of its connection, and the rights on its secret."""
    events, name = server.client("events"), new("connection")
    with service() as url:
        connection = events.create_connection(
            Name=name,
            AuthorizationType="OAUTH_CLIENT_CREDENTIALS",
            AuthParameters={
                "OAuthParameters": {
                    "ClientParameters": {"ClientID": "me", "ClientSecret": "secret"},
                    "AuthorizationEndpoint": f"{url}/token",
                    "HttpMethod": "POST",
                },
                "InvocationHttpParameters": {
                    "HeaderParameters": parameters(**{"x-team": "theirs"}),
                    "QueryStringParameters": parameters(lang="theirs"),
                    "BodyParameters": parameters(kind="theirs"),
                },
            },
        )["ConnectionArn"]
        secret = events.describe_connection(Name=name).get("SecretArn", "none")
        rights: list[JsonObject] = [
            {"Action": "states:InvokeHTTPEndpoint"},
            {"Action": "events:RetrieveConnectionCredentials", "Resource": connection},
            {"Action": "secretsmanager:DescribeSecret", "Resource": secret},
            {"Action": "secretsmanager:GetSecretValue", "Resource": secret},
        ]

        def call(body: Any, *statements: JsonObject) -> Any:
            asked = {
                "ApiEndpoint": f"{url}/call",
                "Method": "POST",
                "Authentication": {"ConnectionArn": connection},
                "Headers": {"X-Team": "own"},
                "QueryParameters": {"a": "1", "lang": "own"},
                "RequestBody": body,
            }
            states = {"Call": task("http:invoke", asked)}
            return ended(server, start(server, server.machine(states, *statements)))

        done = call({"n": 1, "kind": "own"}, *rights)
        answer = (json.loads(done.get("output") or "{}")).get("ResponseBody") or {}
        refused = [
            call({}, *(right for right in rights if right is not left))["error"] for left in rights
        ]
        unmerged = call("text", *rights)
        events.deauthorize_connection(Name=name)
        closed = call({}, *rights)
    return bool(
        answer
        and (answer["team"], answer["path"]) == ("theirs", "/call?a=1&lang=theirs")
        and json.loads(answer["body"]) == {"n": 1, "kind": "theirs"}
        and refused == ["States.TaskFailed"] * len(rights)
        and unmerged.get("error") == "States.Runtime"
        and closed.get("error") == "Events.ConnectionResource.InvalidConnectionState"
    )


CHECKS: tuple[Callable[[Any], bool], ...] = (connections,)
