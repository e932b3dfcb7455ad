"""Play AWS End User Messaging SMS, and the phones of those who get its messages.

Terraform makes numbers, opt-out lists and configuration sets by the API. Messages stay here:
``/_sms`` shows them in a browser, with a field to reply to each. A program reads them from
``/_sms/messages``, and replies by a ``POST`` to ``/_sms/replies``. A reply goes to the topic of the
number, in AWS's form, if the topic's policy or the number's role allows it
(https://docs.aws.amazon.com/sms-voice/latest/userguide/two-way-sms-payload.html).

Countries, registrations, spending limits and delivery receipts are missing.
"""

from __future__ import annotations

import html
import json
import re
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qs
from uuid import uuid4

from emulator import policies
from emulator.asgi import App, Receive, Scope, Send, answer, read_body
from emulator.services import JsonObject, Refused, register

PAGE = "/_sms"
MESSAGES = "/_sms/messages"
REPLIES = "/_sms/replies"
#: Takes ``{"to": phone, "codes": [...]}``: the next messages to the phone fail with these errors.
FAULTS = "/_sms/faults"
SERVICE = "sms-voice.amazonaws.com"
SCOPE = "sms-voice"
#: Messages that are kept for each account and region.
KEPT = 1000
#: Words that opt a phone out of a number's messages.
STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "ARRET", "OPTOUT"})
DEFAULT_LIST = "Default"
E164 = re.compile(r"\+?[1-9][0-9]{1,18}")
#: The fields of a number that UpdatePhoneNumber changes.
CHANGEABLE = (
    "TwoWayEnabled",
    "TwoWayChannelArn",
    "TwoWayChannelRole",
    "SelfManagedOptOutsEnabled",
    "OptOutListName",
    "DeletionProtectionEnabled",
)
#: By a field of requests, the part of the ARN before its value.
RESOURCES = {
    "OriginationIdentity": "phone-number",
    "PhoneNumberId": "phone-number",
    "OptOutListName": "opt-out-list",
    "ConfigurationSetName": "configuration-set",
}


@dataclass(frozen=True)
class Reply:
    """A message of a phone: its number, the number that gets it, and the text."""

    origin: str
    destination: str
    text: str


@dataclass
class Place:
    """The resources and messages of one account and region."""

    sets: dict[str, JsonObject] = field(default_factory=dict)
    lists: dict[str, JsonObject] = field(default_factory=dict)
    numbers: dict[str, JsonObject] = field(default_factory=dict)
    opted_out: dict[str, dict[str, JsonObject]] = field(default_factory=lambda: defaultdict(dict))
    tags: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    messages: deque[JsonObject] = field(default_factory=lambda: deque(maxlen=KEPT))


class Sms:
    """The service.

    Parameters
    ----------
    where
        Returns the region and account of a request, as in an ARN.
    publish
        Publishes a reply: the topic's ARN, the number, and the text.
    now
        The time, in seconds since the epoch.
    """

    def __init__(
        self,
        where: Callable[[], str],
        publish: Callable[[str, JsonObject, str], str],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._where = where
        self._publish = publish
        self._now = now
        #: The errors of the next messages, by phone.
        self.faults: dict[str, deque[str]] = defaultdict(deque)
        self.places: dict[str, Place] = defaultdict(Place)

    # --- configuration sets and opt-out lists -------------------------------------------------

    def create_configuration_set(self, asked: JsonObject) -> JsonObject:
        """Create a configuration set."""
        name = asked["ConfigurationSetName"]
        made = self._named("configuration-set", name, "ConfigurationSet", asked)
        self._here.sets[name] = {**made, "EventDestinations": []}
        return {**made, "Tags": asked.get("Tags", [])}

    def describe_configuration_sets(self, asked: JsonObject) -> JsonObject:
        """Return configuration sets."""
        names = asked.get("ConfigurationSetNames")
        return {"ConfigurationSets": chosen(self._here.sets, names)}

    def delete_configuration_set(self, asked: JsonObject) -> JsonObject:
        """Delete a configuration set."""
        return taken(self._here.sets, asked["ConfigurationSetName"])

    def create_opt_out_list(self, asked: JsonObject) -> JsonObject:
        """Create a list of phones that want no messages."""
        name = asked["OptOutListName"]
        made = self._named("opt-out-list", name, "OptOutList", asked)
        self._here.lists[name] = made
        return {**made, "Tags": asked.get("Tags", [])}

    def describe_opt_out_lists(self, asked: JsonObject) -> JsonObject:
        """Return opt-out lists."""
        return {"OptOutLists": chosen(self._here.lists, asked.get("OptOutListNames"))}

    def delete_opt_out_list(self, asked: JsonObject) -> JsonObject:
        """Delete an opt-out list."""
        return taken(self._here.lists, asked["OptOutListName"])

    def put_opted_out_number(self, asked: JsonObject) -> JsonObject:
        """Add a phone to an opt-out list."""
        name = short(asked["OptOutListName"])
        if name != DEFAULT_LIST:
            chosen(self._here.lists, [name])
        return self._opt_out(self._here, name, asked["OptedOutNumber"], by_phone=False)

    def delete_opted_out_number(self, asked: JsonObject) -> JsonObject:
        """Take a phone off an opt-out list."""
        name = short(asked["OptOutListName"])
        found = taken(self._here.opted_out[name], asked["OptedOutNumber"])
        return {"OptOutListName": name, **found}

    def describe_opted_out_numbers(self, asked: JsonObject) -> JsonObject:
        """Return the phones of an opt-out list."""
        name = short(asked["OptOutListName"])
        found = chosen(self._here.opted_out[name], asked.get("OptedOutNumbers"))
        return {"OptOutListName": name, "OptedOutNumbers": found}

    # --- numbers ------------------------------------------------------------------------------

    def request_phone_number(self, asked: JsonObject) -> JsonObject:
        """Create a number."""
        identifier = f"phone-{uuid4().hex}"
        number = {
            "PhoneNumberArn": self._arn("phone-number", identifier),
            "PhoneNumberId": identifier,
            "PhoneNumber": f"+1206555{1000 + len(self._here.numbers):04d}",
            "Status": "ACTIVE",
            "IsoCountryCode": asked["IsoCountryCode"],
            "MessageType": asked["MessageType"],
            "NumberCapabilities": asked["NumberCapabilities"],
            "NumberType": asked["NumberType"],
            "MonthlyLeasingPrice": "1.00",
            "TwoWayEnabled": False,
            "SelfManagedOptOutsEnabled": False,
            "OptOutListName": short(asked.get("OptOutListName", DEFAULT_LIST)),
            "DeletionProtectionEnabled": asked.get("DeletionProtectionEnabled", False),
            "CreatedTimestamp": self._now(),
        }
        self._here.numbers[identifier] = number
        self._tag(number["PhoneNumberArn"], asked.get("Tags", []))
        return number

    def describe_phone_numbers(self, asked: JsonObject) -> JsonObject:
        """Return numbers."""
        return {"PhoneNumbers": chosen(self._here.numbers, asked.get("PhoneNumberIds"))}

    def update_phone_number(self, asked: JsonObject) -> JsonObject:
        """Change a number, such as the topic that gets the replies to it."""
        number = self._number(asked["PhoneNumberId"])
        number.update({key: asked[key] for key in CHANGEABLE if key in asked})
        return number

    def release_phone_number(self, asked: JsonObject) -> JsonObject:
        """Give a number back."""
        if self._number(asked["PhoneNumberId"])["DeletionProtectionEnabled"]:
            raise Refused(
                "ConflictException",
                "Deletion protection is enabled for the phone number.",
                Reason="DELETION_PROTECTION_ENABLED",
            )
        return taken(self._here.numbers, asked["PhoneNumberId"])

    # --- tags ---------------------------------------------------------------------------------

    def list_tags_for_resource(self, asked: JsonObject) -> JsonObject:
        """Return the tags of a resource."""
        tags = self._here.tags[asked["ResourceArn"]]
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def tag_resource(self, asked: JsonObject) -> JsonObject:
        """Add tags to a resource."""
        self._tag(asked["ResourceArn"], asked["Tags"])
        return {}

    def untag_resource(self, asked: JsonObject) -> JsonObject:
        """Remove tags of a resource."""
        for key in asked["TagKeys"]:
            self._here.tags[asked["ResourceArn"]].pop(key, None)
        return {}

    # --- messages -----------------------------------------------------------------------------

    def send_text_message(self, asked: JsonObject) -> JsonObject:
        """Send a message to a phone."""
        phone, text = asked["DestinationPhoneNumber"], asked.get("MessageBody", "")
        if not E164.fullmatch(phone) or not text.strip():
            raise Refused(
                "ValidationException",
                "The phone number or the message is not valid.",
                Reason="FIELD_VALIDATION_FAILED",
            )
        number = self._number(asked.get("OriginationIdentity", ""))
        if name := asked.get("ConfigurationSetName"):
            chosen(self._here.sets, [name])
        phone = f"+{phone.removeprefix('+')}"
        if phone in self._here.opted_out[number["OptOutListName"]]:
            raise Refused(
                "ConflictException",
                "The destination phone number is on the opt-out list.",
                Reason="DESTINATION_PHONE_NUMBER_OPTED_OUT",
            )
        if self.faults[phone]:
            raise Refused(self.faults[phone].popleft(), "A test asked for this error.")
        identifier = str(uuid4())
        if not asked.get("DryRun"):
            message = {
                "id": identifier,
                "from": number["PhoneNumber"],
                "to": phone,
                "body": text,
                "at": self._now(),
                "context": asked.get("Context", {}),
            }
            self._here.messages.append(message)
        return {"MessageId": identifier}

    def reply(self, place: str, reply: Reply) -> JsonObject:
        """Publish a message of a phone to a number of a place, and return its content.

        A phone that sends STOP gets no further messages.

        Raises
        ------
        Refused
            When the number does not exist, or takes no replies, or its topic refuses them.
        """
        here = self.places[place]
        number = next(
            (one for one in here.numbers.values() if one["PhoneNumber"] == reply.destination), None
        )
        if number is None or not number["TwoWayEnabled"]:
            raise Refused("ConflictException", f"{reply.destination} takes no replies.")
        word = reply.text.strip().upper()
        if word in STOP and not number["SelfManagedOptOutsEnabled"]:
            self._opt_out(here, number["OptOutListName"], reply.origin, by_phone=True)
        before = [
            message["id"]
            for message in here.messages
            if (message["to"], message["from"]) == (reply.origin, reply.destination)
        ]
        content = {
            "originationNumber": reply.origin,
            "destinationNumber": reply.destination,
            "messageKeyword": word if word in STOP else "KEYWORD_" + place.rpartition(":")[2],
            "messageBody": reply.text,
            "inboundMessageId": str(uuid4()),
        }
        if before:
            content["previousPublishedMessageId"] = before[-1]
        problem = self._publish(number["TwoWayChannelArn"], number, json.dumps(content))
        if problem:
            raise Refused("AccessDeniedException", problem)
        return content

    # --- parts --------------------------------------------------------------------------------

    @property
    def _here(self) -> Place:
        return self.places[self._where()]

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:aws:{SCOPE}:{self._where()}:{kind}/{name}"

    def _named(self, kind: str, name: str, prefix: str, asked: JsonObject) -> JsonObject:
        known = self._here.sets if prefix == "ConfigurationSet" else self._here.lists
        if name in known:
            raise Refused(
                "ConflictException", f"{name} exists already.", Reason="RESOURCE_ALREADY_EXISTS"
            )
        arn = self._arn(kind, name)
        self._tag(arn, asked.get("Tags", []))
        return {
            f"{prefix}Arn": arn,
            f"{prefix}Name": name,
            "CreatedTimestamp": self._now(),
        }

    def _tag(self, arn: str, tags: Iterable[JsonObject]) -> None:
        self._here.tags[arn].update({tag["Key"]: tag["Value"] for tag in tags})

    def _number(self, identity: str) -> JsonObject:
        """Return a number by its id, its ARN, or itself."""
        for number in self._here.numbers.values():
            if identity in (
                number["PhoneNumberArn"],
                number["PhoneNumberId"],
                number["PhoneNumber"],
            ):
                return number
        raise not_found(identity)

    def _opt_out(self, place: Place, name: str, phone: str, by_phone: bool) -> JsonObject:
        entry = {
            "OptedOutNumber": phone,
            "OptedOutTimestamp": self._now(),
            "EndUserOptedOut": by_phone,
        }
        place.opted_out[name][phone] = entry
        return {"OptOutListName": name, **entry}


class WithPhones:
    """ASGI application: another one, and the phones.

    Parameters
    ----------
    app
        Gets every other request unchanged.
    sms
        The service.
    """

    def __init__(self, app: App, sms: Sms) -> None:
        self._app = app
        self._sms = sms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"] if scope["type"] == "http" else ""
        if path == REPLIES and scope["method"] == "POST":
            await self._reply(scope, receive, send)
        elif path == FAULTS and scope["method"] == "POST":
            asked = json.loads(await read_body(receive))
            self._sms.faults[asked["to"]].extend(asked["codes"])
            await answer(send, 200, "application/json", b"{}")
        elif path == MESSAGES:
            found = [m for place in self._sms.places.values() for m in place.messages]
            await answer(send, 200, "application/json", json.dumps(found).encode())
        elif path.rstrip("/") == PAGE:
            await answer(send, 200, "text/html; charset=utf-8", page(self._sms).encode())
        else:
            await self._app(scope, receive, send)

    async def _reply(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = (await read_body(receive)).decode()
        headers = {name.lower(): value for name, value in scope["headers"]}
        of_form = headers.get(b"content-type", b"").startswith(b"application/x-www-form-urlencoded")
        try:
            fields = {k: v[0] for k, v in parse_qs(body).items()} if of_form else json.loads(body)
            reply = Reply(str(fields["from"]), str(fields["to"]), str(fields["body"]))
        except (ValueError, KeyError, TypeError):
            await answer(send, 400, "text/plain", b"A reply has from, to and body.")
            return
        try:
            content = self._sms.reply(self._place_of(reply.destination), reply)
        except Refused as refused:
            await answer(send, 409, "text/plain", refused.message.encode())
            return
        if of_form:
            await answer(send, 200, "text/html; charset=utf-8", page(self._sms).encode())
        else:
            await answer(send, 200, "application/json", json.dumps(content).encode())

    def _place_of(self, number: str) -> str:
        """Return where a number is; the first place when it is nowhere."""
        for place, content in self._sms.places.items():
            if any(one["PhoneNumber"] == number for one in content.numbers.values()):
                return place
        return next(iter(self._sms.places), "")


def layer(app: App) -> App:
    """Add the service to MiniStack, and put the phones in front of an application."""
    from ministack.core.responses import get_account_id, get_region, request_scope
    from ministack.services import sns

    def publish(topic: str, number: JsonObject, text: str) -> str:
        parts = number["PhoneNumberArn"].split(":")
        problem = refusal(topic, number, sns.topic_policy_allows)
        if not problem:
            with request_scope(parts[4], parts[3]):
                sns.publish_internal(topic, text)
        return problem

    sms = Sms(lambda: f"{get_region()}:{get_account_id()}", publish)
    register(SCOPE, "pinpoint-sms-voice-v2", "PinpointSMSVoiceV2.", sms, resource_of)
    return WithPhones(app, sms)


def refusal(topic: str, number: JsonObject, allows: Callable[[str, str, str, str], bool]) -> str:
    """Return why a number may not publish to its topic; an empty text when it may."""
    if role := number.get("TwoWayChannelRole"):
        return policies.role_refusal(role, "sns:Publish", topic, trusted=SERVICE)
    arn = number["PhoneNumberArn"]
    if allows(topic, SERVICE, arn, arn.split(":")[4]):
        return ""
    return f"The policy of {topic} does not let {SERVICE} publish for {arn}."


def resource_of(operation: str, asked: JsonObject, place: str) -> str:
    """Return the ARN that a request is about; ``*`` when it has no resource."""
    if operation == "RequestPhoneNumber":
        return f"arn:aws:{SCOPE}:{place}:phone-number/*"
    if arn := asked.get("ResourceArn"):
        return str(arn)
    for name, kind in RESOURCES.items():
        if value := asked.get(name):
            value = str(value)
            return value if value.startswith("arn:") else f"arn:aws:{SCOPE}:{place}:{kind}/{value}"
    return "*"


def chosen(known: dict[str, JsonObject], names: list[str] | None) -> list[JsonObject]:
    """Return the resources of some names or ARNs; without names all of them."""
    if not names:
        return list(known.values())
    missing = [name for name in names if short(name) not in known]
    if missing:
        raise not_found(missing[0])
    return [known[short(name)] for name in names]


def taken(known: dict[str, JsonObject], name: str) -> JsonObject:
    """Remove something, and return it."""
    chosen(known, [name])
    return known.pop(short(name))


def short(name: str) -> str:
    """Return the name in an ARN."""
    return name.rpartition("/")[2]


def not_found(name: str) -> Refused:
    """Return the error for a resource that does not exist."""
    return Refused("ResourceNotFoundException", f"Resource not found: {name}", ResourceId=name)


def page(sms: Sms) -> str:
    """Return the page with all messages, the newest first."""
    messages = [m for place in sms.places.values() for m in place.messages]
    rows = "".join(
        f"<article><p><b>{html.escape(m['to'])}</b> from {html.escape(m['from'])}, "
        f"<time>{time.strftime('%H:%M:%S', time.localtime(m['at']))}</time></p>"
        f"<blockquote>{html.escape(m['body'])}</blockquote>"
        f'<form method="post" action="{REPLIES}">'
        f'<input type="hidden" name="from" value="{html.escape(m["to"])}">'
        f'<input type="hidden" name="to" value="{html.escape(m["from"])}">'
        f'<input name="body" aria-label="Reply of {html.escape(m["to"])}" placeholder="Reply">'
        "<button>Send</button></form></article>"
        for m in sorted(messages, key=lambda m: m["at"], reverse=True)
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Messages</title>'
        "<style>body{font:16px sans-serif;max-width:40em;margin:2em auto}"
        "article{border-bottom:1px solid #ccc}</style>"
        f"<h1>Messages</h1>{rows or '<p>No message yet.</p>'}</html>"
    )
