"""What functions talk to while their cold start is measured: they answer at once, always the same.

The database is not among them: it is a real MariaDB.
"""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from benchmarks.runtime_api import reply

#: The CRM API's answer, which both kinds of functions take for a good one.
REGISTERED = {"success": True, "message": "registered"}


class StandIns:
    """Secrets Manager, SQS and EventBridge, as far as the functions call them, and the CRM's API.

    Parameters
    ----------
    secrets
        The text of each secret, by its name.
    """

    def __init__(self, secrets: dict[str, str]) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body in one packet: the second would wait for the first to be acknowledged.
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
                """Keep the output for what the functions say."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


def answer(target: str, body: bytes, secrets: dict[str, str]) -> dict[str, Any]:
    """Return a service's good answer to a call, which the header X-Amz-Target names.

    Raises
    ------
    ValueError
        When it is a call that no function makes.
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
            raise ValueError(f"no stand-in answers {other}")
