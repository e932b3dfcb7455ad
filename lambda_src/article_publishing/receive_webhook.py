"""ReceiveWebhook: check what the CMS sends, make an article of it, and start its publication."""

from __future__ import annotations

import json
import time
from functools import cache
from typing import Any

from article_publishing.article import UNPUBLISHED, Article, document_id, execution_name, transform
from article_publishing.errors import InvalidArticle, SignatureRefused
from article_publishing.signature import HEADER, verify
from flowbridge import config
from flowbridge.clients import client
from flowbridge.errors import SecretUnavailable
from flowbridge.front_door import JSON, RETRY_AFTER_SECONDS, answer, content_type, may_work_later
from flowbridge.logs import describe, get_logger
from flowbridge.request_body import BadRequest, BodyTooLarge, read_bytes, read_object
from flowbridge.secret import Secret

log = get_logger("receive_webhook")

Response = dict[str, Any]

#: An execution's input, and a message of the queue, hold 256 KB at most.
MAX_BODY_BYTES = 128 * 1024
SOURCE = "flowbridge.cms"
DETAIL_TYPE = "Article Revision"


def handler(request: dict[str, Any], context: object) -> Response:
    """Answer an API Gateway proxy event, never with an exception.

    Returns
    -------
    dict
        The proxy response: 202 the revision is being published, 200 it was before or is a draft,
        400 no article, 401 not proven to be the CMS's, 413 too large, 415 not JSON, 503 try again
        later, 500 anything else.
    """
    asked = {"request_id": getattr(context, "aws_request_id", None)}
    if content_type(request) != JSON:
        return answer(415, {"message": f"Send the document as {JSON}"})
    try:
        check_signature(request, read_bytes(request, MAX_BODY_BYTES))
        document = read_object(request, MAX_BODY_BYTES)
        if str(document_id(document)).startswith(UNPUBLISHED):
            return answer(200, {"message": "Drafts are not published"})
        article = transform(document, config.required("SITE_URL"))
        name, is_new = start(article)
    except BodyTooLarge as error:
        return _refused(413, error, asked)
    except SignatureRefused as error:
        return _refused(401, error, asked)
    except (BadRequest, InvalidArticle) as error:
        return _refused(400, error, asked)
    except Exception as error:  # the CMS is always answered in the API's own shape
        if isinstance(error, SecretUnavailable) or may_work_later(error):
            log.error("the document is not taken", extra={**asked, **describe(error)})
            response = answer(503, {"message": "The document is not taken now; try again later"})
            response["headers"]["Retry-After"] = str(RETRY_AFTER_SECONDS)
            return response
        log.error("request failed", extra={**asked, **describe(error)})
        return answer(500, {"message": "The request failed; the function's log says why"})
    log.info("revision taken", extra={**asked, "execution": name, "is_new": is_new})
    if is_new:
        return answer(202, {"execution": name})
    return answer(200, {"execution": name, "message": "This revision was accepted before"})


def check_signature(request: dict[str, Any], body: bytes) -> None:
    """Check the signature of a request; a secret that was rotated is read once more.

    Raises
    ------
    SignatureRefused
        When it is not proven to be the CMS's, and made just now.
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


def start(article: Article) -> tuple[str, bool]:
    """Start the publication of a revision; tell its name, and whether it is the first one.

    The execution gets an event like one of the bus, so that the bus can bring it again.
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
    """Return the secret that the CMS signs with, the same one every time."""
    return Secret(config.required("WEBHOOK_SECRET"))


def _refused(status: int, error: Exception, asked: dict[str, Any]) -> Response:
    log.info("document refused", extra={**asked, "status": status, "reason": str(error)})
    return answer(status, {"message": f"The document is not taken: {error}"})
