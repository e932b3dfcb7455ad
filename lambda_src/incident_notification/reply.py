"""A reply of a contact: the message as End User Messaging publishes it, and its meaning."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from enum import Enum

from incident_notification.errors import InvalidReply

#: Words by which a phone leaves all messages of a number; the service itself obeys them.
STOP_WORDS = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "optout"})


class Meaning(Enum):
    """The meaning of a reply."""

    YES = "yes"
    NO = "no"
    STOP = "stop"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Reply:
    """A reply: its id, the phone that sent it, its text, and the message that it answers."""

    id: str
    origin: str
    text: str
    answered: str | None


def read(body: str) -> Reply:
    """Return the reply in a message of the topic.

    Raises
    ------
    InvalidReply
        When the message has another form.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidReply("the message is not JSON") from None
    if not isinstance(value, dict):
        raise InvalidReply("the message is not an object")
    for name in ("inboundMessageId", "originationNumber", "messageBody"):
        if not isinstance(value.get(name), str):
            raise InvalidReply(f"the message has no text {name}")
    answered = value.get("previousPublishedMessageId")
    return Reply(
        id=value["inboundMessageId"],
        origin=value["originationNumber"],
        text=value["messageBody"],
        answered=answered if isinstance(answered, str) and answered else None,
    )


def meaning(text: str, yes: frozenset[str], no: frozenset[str]) -> Meaning:
    """Return the meaning of a reply's text.

    Case, spaces and punctuation around the word do not matter.

    Parameters
    ----------
    text
        The text.
    yes, no
        The words that acknowledge and decline, in lower case.
    """
    word = word_of(text)
    if word in STOP_WORDS:
        return Meaning.STOP
    if word in yes:
        return Meaning.YES
    return Meaning.NO if word in no else Meaning.UNKNOWN


def word_of(text: str) -> str:
    """Return a text in lower case, without anything but letters and digits around and in it."""
    normal = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(one if one.isalnum() else " " for one in normal)
    return " ".join(kept.split())
