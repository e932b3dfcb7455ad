"""Serve the AWS emulator on loopback, with what it lacks added.

``PutRestApi`` is answered (see `openapi_import`), executions can go on (see `emulator_redrive`),
RDS instances are real MariaDB servers (see `emulator_rds`), other answers are made whole (see
`emulator_answers`), the tasks of state machines have roles (see `emulator_tasks`), histories tell
of branches (see `emulator_history`), calls are carried out once (see `emulator_repeats`), and
browsers can open CloudFront's sites (see `emulator_web`).

Run by the local environment as a program of its own, in a Python environment that holds the
emulator and boto3 and nothing of the project: Lambda functions inherit that environment, so a
library that is missing in a package is missing here as it would be on AWS.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import re
import signal
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import datetime
from pathlib import Path
from typing import Any

import emulator_answers
import emulator_history
import emulator_rds
import emulator_redrive
import emulator_repeats
import emulator_tasks
import emulator_web
import emulator_webhook

LOOPBACK = "127.0.0.1"
ROOT_KEY = "test"
ROOT_SECRET = "test"  # noqa: S105  the emulator's well-known root secret, good on loopback only
PUT_REST_API = re.compile(r"^/restapis/([A-Za-z0-9]+)/?$")
CREDENTIAL = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

log = logging.getLogger("emulator")


class WithPutRestApi:
    """ASGI application: the emulator, and an answer to ``PUT /restapis/{id}``.

    Parameters
    ----------
    app
        The emulator's own application; every other request goes there untouched.
    endpoint
        Where this application is served; the calls that build the API go there.
    """

    def __init__(self, app: App, endpoint: str) -> None:
        self._app = app
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        match = (
            PUT_REST_API.match(scope["path"])
            if scope["type"] == "http" and scope["method"] == "PUT"
            else None
        )
        if match is None:
            await self._app(scope, receive, send)
            return
        body = await read_body(receive)
        authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        status, answer = await asyncio.to_thread(self._put_rest_api, match[1], body, authorization)
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(b"content-type", b"application/json")],
            }
        )
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    def _put_rest_api(
        self, api_id: str, body: bytes, authorization: str
    ) -> tuple[int, dict[str, Any]]:
        import yaml
        from botocore.exceptions import ClientError
        from openapi_import import OpenApiImport, UnsupportedDocumentError

        client = self._client(authorization)
        try:
            # JSON is YAML, so one parser reads both forms that API Gateway takes.
            OpenApiImport(client, api_id).overwrite(yaml.safe_load(body))
            answer = client.get_rest_api(restApiId=api_id)
        except (UnsupportedDocumentError, yaml.YAMLError, KeyError) as error:
            log.warning("PutRestApi of %s refused: %s", api_id, error)
            return 400, error_answer("BadRequestException", f"PutRestApi of {api_id}: {error}")
        except ClientError as error:
            log.warning("PutRestApi of %s failed: %s", api_id, error)
            details = error.response["Error"]
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            message = f"PutRestApi of {api_id}, {error.operation_name}: {details['Message']}"
            return status, error_answer(details["Code"], message)
        answer.pop("ResponseMetadata")
        return 200, {name: wire_value(value) for name, value in answer.items()}

    def _client(self, authorization: str) -> Any:
        """Return an API Gateway client of the account and region that signed the request."""
        import boto3

        match = CREDENTIAL.search(authorization)
        key, region = match.groups() if match else (ROOT_KEY, "us-east-1")
        # The emulator's root keys are `test` and each 12-digit account number.
        return boto3.client(
            "apigateway",
            endpoint_url=self._endpoint,
            region_name=region,
            aws_access_key_id=key if key.isdigit() else ROOT_KEY,
            aws_secret_access_key=ROOT_SECRET,
        )


async def read_body(receive: Receive) -> bytes:
    """Return the whole body of a request."""
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


def error_answer(code: str, message: str) -> dict[str, str]:
    """Return an error in the form that AWS clients read from a REST-JSON service."""
    return {"__type": code, "code": code, "message": message}


def wire_value(value: Any) -> Any:
    """Return a value of a boto3 answer in the service's JSON form (times are epoch seconds)."""
    return value.timestamp() if isinstance(value, datetime) else value


async def serve(port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config
    from ministack.app import app

    emulator_answers.make_whole()
    emulator_web.serve_api_origins(port)
    emulator_tasks.make_whole()
    emulator_redrive.make_redrivable()
    emulator_history.make_whole(emulator_redrive.step)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    config = Config()
    config.bind = [f"{LOOPBACK}:{port}"]
    # Above the 90 s for which Terraform keeps an idle connection, so that none ends here at the
    # moment at which it is used again. A connection that its client left is kept as long, too.
    config.keep_alive_timeout = 120
    config.keep_alive_max_requests = 10**9
    config.graceful_timeout = 3
    served = emulator_web.WithLocalSites(WithPutRestApi(app, f"http://{LOOPBACK}:{port}"))
    application = emulator_repeats.WithRepeats(emulator_webhook.WithWebhook(served))

    async def stopped() -> None:
        await stop.wait()

    await hypercorn_serve(application, config, shutdown_trigger=stopped)


def main() -> None:
    """Read the command line, set the emulator's environment, serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pid-file", type=Path, help="where to write the process's number")
    parser.add_argument("--databases", type=Path, help="folder of the RDS instances' servers")
    parser.add_argument("--certificates", type=Path, help="folder of those servers' certificate")
    arguments = parser.parse_args()
    port = arguments.port
    if arguments.pid_file:
        arguments.pid_file.write_text(f"{os.getpid()}\n")
    # Set before the emulator is imported: it reads its environment at import.
    os.environ.update(
        {
            "AUTH": "true",
            "GATEWAY_PORT": str(port),
            "BIND_HOST": LOOPBACK,
            "MINISTACK_HOST": LOOPBACK,
            # Its other listeners (MQTT, SFTP) bind every interface and are not used.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "AWS_ACCESS_KEY_ID": ROOT_KEY,
            "AWS_SECRET_ACCESS_KEY": ROOT_SECRET,
            "AWS_ENDPOINT_URL": f"http://{LOOPBACK}:{port}",
        }
    )
    # It writes down who gets each mail.
    logging.getLogger("ses-v2").setLevel(logging.WARNING)
    databases = (
        emulator_rds.make_real(arguments.databases, arguments.certificates)
        if arguments.databases and arguments.certificates
        else None
    )
    try:
        asyncio.run(serve(port))
    finally:
        if databases:
            databases.end_all()


if __name__ == "__main__":
    main()
