"""Play the team's chat: a webhook as Slack has it, whose messages can be read back.

With it, a computer without a chat shows a complete onboarding.
"""

from __future__ import annotations

import json
from collections import deque

from emulator.asgi import App, Receive, Scope, Send, answer, read_body

PATH = "/_team/webhook"
KEPT = 100


class WithWebhook:
    """ASGI application: another one, and the webhook.

    ``POST`` takes ``{"text": ...}`` and answers ``ok``, as Slack does; ``GET`` returns the newest
    messages.

    Parameters
    ----------
    app
        Gets every other request unchanged.
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
            await answer(send, 200, "application/json", json.dumps(list(self._texts)).encode())
            return
        try:
            text = json.loads(await read_body(receive))["text"]
        except (ValueError, KeyError, TypeError):
            await answer(send, 400, "text/plain", b"invalid_payload")
            return
        self._texts.append(str(text))
        await answer(send, 200, "text/plain", b"ok")


def layer(app: App) -> App:
    """Put the webhook in front of an application."""
    return WithWebhook(app)
