"""Answer a call that Terraform repeats as it was answered the first time.

Terraform's AWS SDK breaks off a call, and makes it again, when the answer is there before Go has
finished sending. Between two computers that does not happen; on loopback, with every processor
busy, it is one call in two thousand, and one that creates would create twice. The SDK gives each
of a call's attempts the same number
(https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

CALLER = b"Terraform/"
KEPT = 1000

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

log = logging.getLogger("emulator")


class WithRepeats:
    """ASGI application: another one, that sees each of Terraform's successful calls once.

    A call that failed is made anew: its repetition is meant. So are those of everybody else, who
    has to live with a call that was carried out though its answer was lost.

    Parameters
    ----------
    app
        Every request goes there but such a repetition.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._answers: OrderedDict[bytes, asyncio.Future[list[Message]]] = OrderedDict()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        number = call_number(scope)
        if number is None:
            await self._app(scope, receive, send)
            return
        first = self._answers.get(number)
        if first is not None and succeeded(answer := await first):
            # An answer before the whole request was read would end the connection.
            while (await receive()).get("more_body"):
                pass
            log.info("Terraform repeated call %s: answered as before", number.decode("latin-1"))
            for message in answer:
                await send(message)
            return
        await self._record(number, scope, receive, send)

    async def _record(self, number: bytes, scope: Message, receive: Receive, send: Send) -> None:
        answer: list[Message] = []
        done = self._answers[number] = asyncio.get_running_loop().create_future()
        while len(self._answers) > KEPT:
            self._answers.popitem(last=False)

        async def keep(message: Message) -> None:
            answer.append(message)
            await send(message)

        try:
            await self._app(scope, receive, keep)
        finally:
            done.set_result(answer)


def call_number(scope: Message) -> bytes | None:
    """Return what the attempts of one of Terraform's calls share; None for anybody else's."""
    if scope["type"] != "http":
        return None
    headers: dict[bytes, bytes] = dict(scope["headers"])
    if CALLER not in headers.get(b"user-agent", b""):
        return None
    return headers.get(b"amz-sdk-invocation-id")


def succeeded(answer: list[Message]) -> bool:
    """Tell whether an answer is whole, and no error."""
    return (
        len(answer) > 1
        and 200 <= answer[0]["status"] < 300
        and not answer[-1].get("more_body", False)
    )
