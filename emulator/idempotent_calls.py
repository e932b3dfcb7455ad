"""Answer a call that Terraform repeats with the answer of its first attempt.

Terraform's AWS SDK breaks off a call and repeats it when the answer arrives before Go has finished
sending. That does not happen between two computers. On loopback, with every processor busy, it
happens to one call in two thousand, and a repeated create would create twice. The SDK gives all
attempts of a call the same id
(https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict

from emulator.asgi import App, Message, Receive, Send

CALLER = b"Terraform/"
KEPT = 1000

log = logging.getLogger("emulator")


class WithIdempotentCalls:
    """ASGI application: another one, which sees each of Terraform's successful calls once.

    A call that failed is carried out again, because its repetition is intended. Other clients are
    not protected: they have to cope with a call whose answer was lost, as on AWS.

    Parameters
    ----------
    app
        Gets every request but such a repetition.
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
    """Return the id that all attempts of a Terraform call share; None for other clients."""
    if scope["type"] != "http":
        return None
    headers: dict[bytes, bytes] = dict(scope["headers"])
    if CALLER not in headers.get(b"user-agent", b""):
        return None
    return headers.get(b"amz-sdk-invocation-id")


def succeeded(answer: list[Message]) -> bool:
    """Return whether an answer is complete and no error."""
    return (
        len(answer) > 1
        and 200 <= answer[0]["status"] < 300
        and not answer[-1].get("more_body", False)
    )
