"""A call that Terraform repeats after a lost answer runs once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from emulator.asgi import Message, Receive, Send
from emulator.idempotent_calls import KEPT, WithIdempotentCalls

TERRAFORM = b"APN/1.0 HashiCorp/1.0 Terraform/1.11.4 (+https://www.terraform.io) aws-sdk-go-v2"
BODY = (b'{"name": ', b'"orders"}')


class Service:
    """An ASGI application that makes something new at every call."""

    def __init__(self, statuses: Iterable[int] = ()) -> None:
        self.made = 0
        self.bodies: list[bytes] = []
        self._statuses = list(statuses)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if not message["more_body"]:
                break
        self.bodies.append(body)
        await asyncio.sleep(0)
        self.made += 1
        status = self._statuses.pop(0) if self._statuses else 201
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"made ", "more_body": True})
        await send({"type": "http.response.body", "body": str(self.made).encode()})


class Client:
    """Calls an ASGI application, with a body of two parts."""

    def __init__(self, app: WithIdempotentCalls) -> None:
        self._app = app
        self.unread = 0

    async def call(self, number: str = "1", agent: bytes = TERRAFORM) -> tuple[int, str]:
        parts = [{"body": part, "more_body": part is not BODY[-1]} for part in BODY]
        answer: list[Any] = []

        async def receive() -> Message:
            return {"type": "http.request", **parts.pop(0)}

        async def send(message: Message) -> None:
            answer.append(message)

        headers = [(b"user-agent", agent), (b"amz-sdk-invocation-id", number.encode())]
        await self._app({"type": "http", "headers": headers}, receive, send)
        self.unread += len(parts)
        text = b"".join(message["body"] for message in answer[1:])
        return answer[0]["status"], text.decode()


def test_a_repeated_call_is_answered_as_the_first() -> None:
    service = Service()
    client = Client(WithIdempotentCalls(service))

    async def story() -> list[tuple[int, str]]:
        return [await client.call("1"), await client.call("2"), await client.call("1")]

    assert asyncio.run(story()) == [(201, "made 1"), (201, "made 2"), (201, "made 1")]
    assert service.bodies == [b"".join(BODY)] * 2
    # What is left unread of a request would end its connection.
    assert client.unread == 0


def test_a_repetition_waits_for_the_first_to_end() -> None:
    service = Service()
    client = Client(WithIdempotentCalls(service))

    async def story() -> list[tuple[int, str]]:
        return list(await asyncio.gather(client.call(), client.call()))

    assert asyncio.run(story()) == [(201, "made 1")] * 2


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_what_failed_is_carried_out_anew(status: int) -> None:
    client = Client(WithIdempotentCalls(Service([status])))

    async def story() -> list[tuple[int, str]]:
        return [await client.call(), await client.call(), await client.call()]

    assert asyncio.run(story()) == [(status, "made 1"), (201, "made 2"), (201, "made 2")]


def test_what_broke_is_carried_out_anew() -> None:
    service = Service()

    async def breaks_once(scope: Message, receive: Receive, send: Send) -> None:
        if service.made == 0:
            service.made = 1
            await send({"type": "http.response.start", "status": 201, "headers": []})
            raise RuntimeError
        await service(scope, receive, send)

    client = Client(WithIdempotentCalls(breaks_once))

    async def story() -> tuple[int, str]:
        with pytest.raises(RuntimeError):
            await client.call()
        return await client.call()

    assert asyncio.run(story()) == (201, "made 2")


def test_others_have_to_live_with_a_lost_answer() -> None:
    client = Client(WithIdempotentCalls(Service()))
    agent = b"Boto3/1.43.106 md/Botocore#1.43.106 lang/python#3.13.1"

    async def story() -> list[tuple[int, str]]:
        return [await client.call(agent=agent), await client.call(agent=agent)]

    assert asyncio.run(story()) == [(201, "made 1"), (201, "made 2")]


def test_old_answers_are_forgotten() -> None:
    client = Client(WithIdempotentCalls(Service()))

    async def story() -> tuple[int, str]:
        for number in range(KEPT + 1):
            await client.call(str(number))
        return await client.call("0")

    assert asyncio.run(story()) == (201, f"made {KEPT + 2}")
