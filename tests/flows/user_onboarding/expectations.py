"""Expectations of the user onboarding in the tests of every flow."""

from __future__ import annotations

import secrets

import requests

from tests.flows.user_onboarding.support.onboarding import (
    ROLE,
    TABLE,
    TENANTS,
    Onboarding,
    event_of,
    new_signup,
    role_arn,
)
from tests.support.expectations import FAILURE, Events, Expectations, Marks, Rights, Settings, Try
from tests.support.functions import proxy_event
from tests.support.running import RunningFlow

JSON = {"content-type": "application/json"}
#: The fields that a caller sends; the API chooses the user's id.
FIELDS = ("tenantId", "email", "name")
MACHINE = "flowbridge-local-user-onboarding"


def onboarding(running: RunningFlow) -> Onboarding:
    """Return the flow as its own tests see it."""
    assert isinstance(running, Onboarding)
    return running


def rights(running: RunningFlow) -> Rights:
    """Return the calls that miss each right."""
    flow, signup = onboarding(running), new_signup()
    # boto3 does not let two threads make a client.
    flow.aws.client("stepfunctions")

    def task(state: str, tenant: str | None = None) -> Try:
        role = role_arn(tenant) if tenant else None
        return lambda: flow.task(state, role, new_signup(tenantId=tenant or "acme"))

    return Rights(
        {
            "sign_up": proxy_event({name: signup[name] for name in FIELDS}, headers=JSON),
            "NotifyTeam": signup,
            "CatchErrors": FAILURE,
        },
        {
            (MACHINE, "AwsSdkSesv2SendEmail"): task("SendWelcomeEmail"),
            (MACHINE, "AssumeTaskRoles"): task("CreateUser", "acme"),
            **{(ROLE.format(x), "KeepOwnUsers"): task("CreateUser", x) for x in TENANTS},
            **{(ROLE.format(x), "KeepOwnSpaces"): task("CreateUserSpace", x) for x in TENANTS},
        },
    )


def marks(running: RunningFlow) -> Marks:
    """Send one valid and one failing sign-up."""
    flow, token = onboarding(running), secrets.token_hex(6)
    good = {"tenantId": "acme", "email": f"good{token}@example.com", "name": f"Good{token}"}
    bad = {**new_signup(), "email": f"bad{token} at example.com", "name": f"Bad{token}"}
    url = f"{flow.output['apis']['signup']['url']}/signup"
    taken = requests.post(url, json=good, timeout=30)
    door = {name: bad[name] for name in good}
    assert requests.post(url, json=door, timeout=30).status_code == 400
    assert flow.ended(taken.json()["id"])[0].status == "SUCCEEDED"
    execution, _ = flow.ended(*flow.send(event_of(bad)))
    assert execution.error == "InvalidSignup"
    people = {
        f"{field} of {who}": person[field]
        for who, person in (("who signed up", good), ("who could not", bad))
        for field in ("email", "name")
    }
    return Marks(
        people=people,
        failed=["email of who could not"],
        searched={
            **dict.fromkeys(people, ("^execution ",)),
            "email of who signed up": ["^execution ", "^mails$", f"^table {TABLE}$"],
        },
    )


#: A sign-up leaves a record and a mail instead of rows.
PLACES = (
    r"table flowbridge-local-user-onboarding-users|mails"
    r"|execution \S+:flowbridge-local-user-onboarding:\S+"
    r"|log /aws/vendedlogs/states/flowbridge-local-user-onboarding"
)

EXPECTATIONS = Expectations(
    running=Onboarding,
    libraries={
        "user_onboarding.sign_up": set(),
        "user_onboarding.receive_signup": set(),
        "user_onboarding.notify_team": {"requests"},
        "user_onboarding.catch_errors": set(),
    },
    wide={"KeepOwnSpaces": "a tenant's role reaches every object below the tenant's own prefix"},
    public_apis={
        "user-onboarding-api": "who signs up has no key yet, and one in a page is everybody's"
    },
    rights=rights,
    events=Events(good=lambda _: new_signup(), error="InvalidSignup"),
    marks=marks,
    places=PLACES,
    settings=Settings(
        wrong={
            "tenants": ["ACME"],
            "sender": "no-address",
            "rate": 0,
            "short_events": {"tenant": "x", "address": "x"},
        },
        sentences=[
            "user_onboarding.tenants has at least",
            "user_onboarding.sender is a mail address",
            "user_onboarding.rate is above 0",
            "user_onboarding.short_events.tenant is one of the tenants",
        ],
        required="sender",
    ),
)
