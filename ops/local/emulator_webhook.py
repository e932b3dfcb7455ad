"""Play the team's chat: a webhook as Slack has it, whose messages can be read again.

It is a part of the emulator's server, so that a computer without a chat shows a whole onboarding.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

PATH = "/_team/webhook"
KEPT = 100

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class WithWebhook:
    """ASGI application: another one, and the webhook beside it.

    ``POST`` takes ``{"text": ...}`` and answers ``ok``, as Slack does; ``GET`` gives the newest
    messages.

    Parameters
    ----------
    app
        Every other request goes there untouched.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._texts: deque[str] = deque(maxlen=KEPT)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
            return
        if scope["method"] == "GET":
            await answer(send, 200, json.dumps(list(self._texts)))
            return
        chunks = []
        while True:
            message = await receive()
            chunks.append(message.get("body", b""))
            if not message.get("more_body"):
                break
        try:
            text = json.loads(b"".join(chunks))["text"]
        except (ValueError, KeyError, TypeError):
            await answer(send, 400, "invalid_payload")
            return
        self._texts.append(str(text))
        await answer(send, 200, "ok")


async def answer(send: Send, status: int, text: str) -> None:
    """Send a whole answer."""
    headers = [(b"content-type", b"application/json" if text[:1] == "[" else b"text/plain")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
