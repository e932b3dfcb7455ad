"""ReceiveWebhook: verify the CMS's request, convert its document, and start the publication."""

from __future__ import annotations

import json
import time
from functools import cache
from typing import Any

from article_publishing.article import (
    UNPUBLISHED,
    Article,
    document_id,
    execution_name,
    needs_categories,
    transform,
)
from article_publishing.cms import cms
from article_publishing.errors import (
    InvalidArticle,
    SignatureRefused,
    TargetBusy,
    TargetUnavailable,
)
from article_publishing.signature import HEADER, verify
from flowbridge import config
from flowbridge.clients import client
from flowbridge.errors import SecretUnavailable
from flowbridge.front_door import (
    JSON,
    REQUEST_FAILED,
    content_type,
    is_retryable,
    json_response,
    unavailable,
)
from flowbridge.logs import describe, get_logger
from flowbridge.request_body import BadRequest, BodyTooLarge, read_bytes, read_object
from flowbridge.secret import Secret

log = get_logger("receive_webhook")

Response = dict[str, Any]

#: Well below the 256 KB limit of an execution's input and of a queue's message.
MAX_BODY_BYTES = 128 * 1024
SOURCE = "flowbridge.cms"
DETAIL_TYPE = "Article Revision"
#: Errors after which the CMS should retry.
TRANSIENT = (SecretUnavailable, TargetBusy, TargetUnavailable)


def handler(request: dict[str, Any], context: object) -> Response:
    """Respond to an API Gateway proxy event; never raise.

    Returns
    -------
    dict
        The proxy response: 202 publication started, 200 already accepted or a draft, 400 not an
        article, 401 signature missing, wrong or expired, 413 too large, 415 not JSON, 503 transient
        error, 500 anything else.
    """
    request_log = {"request_id": getattr(context, "aws_request_id", None)}
    if content_type(request) != JSON:
        return json_response(415, {"message": f"Send the document as {JSON}"})
    try:
        check_signature(request, read_bytes(request, MAX_BODY_BYTES))
        document = read_object(request, MAX_BODY_BYTES)
        if str(document_id(document)).startswith(UNPUBLISHED):
            return json_response(200, {"message": "Drafts are not published"})
        article = transform(with_categories(document), config.required("SITE_URL"))
        name, is_new = start(article)
    except BodyTooLarge as error:
        return _rejected(413, error, request_log)
    except SignatureRefused as error:
        return _rejected(401, error, request_log)
    except (BadRequest, InvalidArticle) as error:
        return _rejected(400, error, request_log)
    except Exception as error:  # every caller gets a response in the API's own shape
        if isinstance(error, TRANSIENT) or is_retryable(error):
            log.error("could not accept the document", extra={**request_log, **describe(error)})
            return unavailable("The document cannot be accepted now. Try again later.")
        log.error("request failed", extra={**request_log, **describe(error)})
        return json_response(500, {"message": REQUEST_FAILED})
    log.info("revision accepted", extra={**request_log, "execution": name, "is_new": is_new})
    if is_new:
        return json_response(202, {"execution": name})
    return json_response(200, {"execution": name, "message": "This revision was already accepted"})


def check_signature(request: dict[str, Any], body: bytes) -> None:
    """Verify a request's signature; read the secret again in case it was rotated.

    Raises
    ------
    SignatureRefused
        When the signature is missing, wrong or expired.
    """
    headers = request.get("headers") or {}
    header = next((v for name, v in headers.items() if name.lower() == HEADER), None)
    now = time.time_ns() // 1_000_000
    try:
        verify(header, body, webhook_secret().text().strip(), now)
    except SignatureRefused:
        if not header or not webhook_secret().refresh():
            raise
        verify(header, body, webhook_secret().text().strip(), now)


def with_categories(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document with its categories, which the CMS is asked for when it has none.

    Raises
    ------
    TargetUnavailable, TargetBusy, TargetRefused, ConfigurationError, SecretUnavailable
        As `Cms.categories` does.
    """
    source = cms() if needs_categories(document) else None
    if source is None:
        return document
    return {**document, "categories": source.categories(str(document_id(document)))}


def start(article: Article) -> tuple[str, bool]:
    """Start the publication of a revision; return its name, and whether it is new.

    The input has the form of a bus event, so that the bus can replay it.
    """
    name = execution_name(article)
    event = {
        "id": name,
        "source": SOURCE,
        "detail-type": DETAIL_TYPE,
        "time": article["updatedAt"],
        "detail": article,
    }
    states = client("stepfunctions")
    try:
        states.start_execution(
            stateMachineArn=config.required("STATE_MACHINE_ARN"),
            name=name,
            input=json.dumps(event, ensure_ascii=False),
        )
    except states.exceptions.ExecutionAlreadyExists:
        return name, False
    return name, True


@cache
def webhook_secret() -> Secret:
    """Return the secret that the CMS signs with."""
    return Secret(config.required("WEBHOOK_SECRET"))


def _rejected(status: int, error: Exception, request_log: dict[str, Any]) -> Response:
    log.info("document rejected", extra={**request_log, "status": status, "reason": str(error)})
    return json_response(status, {"message": f"The request is rejected: {error}"})
