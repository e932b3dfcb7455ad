"""The article publishing, in an environment of its own: only its servers know their addresses."""

from __future__ import annotations

import json
import secrets
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from article_publishing.article import transform
from article_publishing.signature import HEADER, sign
from ops.executions.executions import Execution
from tests.flows.article_publishing.support.targets import HOST, TOKENS, Targets, running_targets
from tests.support.fault_proxy import FaultProxy
from tests.support.platform import Platform, wait_for
from tests.support.running import RunningFlow

FLOW = "article_publishing"
#: The site whose articles are published.
SITE = "https://blog.example.com"
SECRET = f"signing-secret-{secrets.token_hex(8)}"


def settings_of(port: int) -> dict[str, Any]:
    """Return the flow's settings for targets at a port."""
    base = f"http://127.0.0.1:{port}"
    return {
        "site_url": SITE,
        "cms": {"query_url": f"{base}/cms"},
        "medium": {"url": f"{base}/medium", "feed_url": f"{base}/feed"},
        "devto": {"url": f"{base}/devto"},
        "hashnode": {"url": f"{base}/hashnode", "host": HOST},
        "opensearch": {"url": f"{base}/opensearch"},
    }


@dataclass
class Publishing(RunningFlow):
    """The flow, as its CMS, its targets and its operator see it.

    The functions reach the targets through the proxy.
    """

    name: str = field(default=FLOW, kw_only=True)
    targets: Targets = field(kw_only=True)
    proxy: FaultProxy = field(kw_only=True)

    @property
    def example(self) -> Mapping[str, Any]:
        """An event that has a revision published again."""
        return {
            "source": "flowbridge.cms",
            "detail-type": "Article Revision",
            "detail": transform(document(), SITE),
        }

    def call(self, document: dict[str, Any], secret: str = SECRET) -> requests.Response:
        """Send a document as the CMS does."""
        body = json.dumps(document).encode()
        return requests.post(
            f"{self.outputs['flows'][FLOW]['apis']['webhook']['url']}/webhook",
            data=body,
            headers=signed_headers(body, secret),
            timeout=60,
        )

    def published(self, document: dict[str, Any]) -> Execution:
        """Send a document, and return its execution when it has ended."""
        response = self.call(document)
        assert response.status_code == 202, response.text
        return self.finished(response.json()["execution"])

    def finished(self, name: str) -> Execution:
        """Return an execution, by its name, when it has ended."""
        arn = f"{self.flow.state_machine_arn.replace(':stateMachine:', ':execution:')}:{name}"

        def over() -> Execution | None:
            execution = self.executions.describe(arn)
            return execution if execution.is_over else None

        execution: Execution = wait_for(over, f"the end of {arn}", 90)
        return execution

    def put_secrets(self) -> None:
        """Put the values of the tests' own targets into the secrets."""
        for name, value in {**TOKENS, "webhook": SECRET}.items():
            self.aws.client("secretsmanager").put_secret_value(
                SecretId=f"flowbridge-local-article-publishing-{name}", SecretString=value
            )

    def outcome(self, execution: Execution) -> dict[str, str]:
        """Return what an execution that succeeded says of each target."""
        targets = (execution.answer or {})["targets"]
        return {target["target"]: target["outcome"] for target in targets}


@contextmanager
def running_publishing(folder: Path) -> Iterator[Publishing]:
    """Run the flow in an environment of its own, in a folder, with its targets."""
    with running_targets() as targets, closing(FaultProxy(targets.server.port)) as proxy:
        settings = Platform.new(folder, {FLOW: settings_of(proxy.port)}).settings
        publishing = Publishing(settings, targets=targets, proxy=proxy)
        try:
            for command in ("up", "bootstrap", "release", "apply"):
                done = publishing.make(command)
                assert done.code == 0, done.text
            publishing.put_secrets()
            yield publishing
        finally:
            down = publishing.make("down")
            assert down.code == 0, down.text


def signed_headers(body: bytes, secret: str = SECRET) -> dict[str, str]:
    """Return the headers of a request of the CMS's, made just now."""
    now = time.time_ns() // 1_000_000
    return {
        "Content-Type": "application/json",
        HEADER: f"t={now},v1={sign(now, body, secret)}",
    }


def document(**changes: Any) -> dict[str, Any]:
    """Return a new document of the CMS, which no target has."""
    identity = uuid.uuid4().hex
    return {
        "_id": identity,
        "_rev": "r1",
        "_createdAt": "2026-11-20T16:05:11Z",
        "_updatedAt": "2026-11-21T09:30:00Z",
        "title": "Starting workflows from code",
        "description": "When a function between the webhook and the workflow pays.",
        "slug": f"workflows-{identity}",
        "body": "Some work begins with **an event**.",
        "categories": [{"title": "AWS"}, {"title": "Step Functions"}],
        **changes,
    }
