"""Stand-ins for the services that functions call during the cold start benchmark.

They respond at once, always with the same values. The database is a real MariaDB.
"""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from benchmarks.runtime_api import reply

#: The CRM API's response, which ours and the article's functions accept.
REGISTERED = {"success": True, "message": "registered"}


class StandIns:
    """Secrets Manager, SQS and EventBridge, limited to the calls of the functions, and the CRM API.

    Parameters
    ----------
    secrets
        The text of each secret, by name.
    """

    def __init__(self, secrets: dict[str, str]) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # One packet for head and body: a second one would wait for an acknowledgement.
            wbufsize = 1 << 16

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                target = self.headers.get("X-Amz-Target")
                value = answer(target, body, secrets) if target else REGISTERED
                headers = {
                    "Content-Type": "application/x-amz-json-1.1" if target else "application/json"
                }
                reply(self, 200, json.dumps(value).encode(), headers)

            def log_message(self, *_: Any) -> None:
                """Log nothing: only the functions may write output."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


def answer(target: str, body: bytes, secrets: dict[str, str]) -> dict[str, Any]:
    """Return a service's successful response.

    Parameters
    ----------
    target
        The header X-Amz-Target, which names the call.
    body
        The request's body.
    secrets
        The text of each secret, by name.

    Raises
    ------
    ValueError
        When no function makes this call.
    """
    match target.rpartition(".")[2]:
        case "GetSecretValue":
            name = json.loads(body)["SecretId"]
            return {"ARN": name, "Name": name, "VersionId": "1", "SecretString": secrets[name]}
        case "SendMessage":
            text = json.loads(body)["MessageBody"]
            digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
            return {"MessageId": "1", "MD5OfMessageBody": digest}
        case "PutEvents":
            return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}
        case other:
            raise ValueError(f"the stand-ins do not implement {other}")
