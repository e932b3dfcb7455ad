"""Expectations of the CRM registration in the tests of every flow."""

from __future__ import annotations

import json
import secrets
from functools import partial
from typing import Any

import requests

from ops.local.environment import ADMIN_SECRET
from tests.flows.crm_registration.support.new_leads import new_lead
from tests.flows.crm_registration.support.registration import Registration
from tests.support.expectations import FAILURE, Events, Expectations, Marks, Rights, Settings
from tests.support.functions import FIELDS, proxy_event
from tests.support.running import RunningFlow

#: A caller waits for these functions, or they are the first to use their connection.
LIBRARIES: dict[str, set[str]] = {
    "crm_registration.receive_lead": set(),
    "crm_registration.create_client": {"requests"},
    "crm_registration.create_partner": {"requests"},
    "crm_registration.create_benefit": {"requests"},
    "crm_registration.catch_errors": set(),
    "crm_registration.put_lead": set(),
    "crm.create_client_back": {"pymysql"},
    "crm.create_partner_back": {"pymysql"},
    "crm.create_benefit_back": {"pymysql"},
    "crm.migrate": {"pymysql"},
    "crm.count_rows": {"pymysql"},
    "crm.remove_synthetic": {"pymysql"},
}


def registration(running: RunningFlow) -> Registration:
    """Return the flow as its own tests see it."""
    assert isinstance(running, Registration)
    return running


def rights(running: RunningFlow) -> Rights:
    """Return the calls that miss each right."""
    flow, lead = registration(running), new_lead()
    inputs = {
        instance["attributes"]["function_name"]: json.loads(instance["attributes"]["input"])
        for resource in flow.state()["resources"]
        if resource["type"] == "aws_lambda_invocation"
        for instance in resource["instances"]
    }
    issuer = flow.function("api_key_issuer")
    # A key that does not exist, so that the API keeps its own.
    flow.aws.client("apigateway").create_api_key(name="least-privilege", value="l" * 40)
    removal = {"name": "least-privilege", "tf": {"action": "delete"}}
    return Rights(
        {
            **dict.fromkeys(("CreateClient", "CreatePartner", "CreateBenefit"), lead),
            **{key: proxy_event({name: lead[name] for name in FIELDS[key]}) for key in FIELDS},
            "CatchErrors": FAILURE,
            "migrate": inputs[flow.function("migrate")],
            "api_key_issuer": inputs[issuer],
            "count_rows": {"keys": {"CLIENTS": []}},
            "remove_synthetic": {"rut": "000999999-9"},
            "put_lead": proxy_event(
                {**lead, "origin": "web"}, headers={"content-type": "application/json"}
            ),
        },
        {(issuer, "RemoveKeys"): partial(flow.error_of, issuer, removal)},
    )


def person() -> dict[str, Any]:
    """Return a lead that no other can be mistaken for."""
    token = secrets.token_hex(6)
    return {
        "name": f"Name{token}",
        "lastname": f"Lastname{token}",
        "rut": f"{700_000_000 + secrets.randbelow(90_000_000)}-4",
        "phone": f"+{10**14 + secrets.randbelow(10**13)}",
        "mail": f"mail{token}@example.com",
        "store": "est_central",
        "wantsBenefit": True,
    }


def marks(running: RunningFlow) -> Marks:
    """Send leads: one arrives, one has a client with other data, one is none."""
    flow = registration(running)
    good, changed, bad = person(), person(), person()
    changed["rut"] = good["rut"]
    bad["phone"] = f"{bad['phone']}9999"
    assert flow.ended(*flow.publish(good))[0].status == "SUCCEEDED"
    errors = [flow.ended(event)[0].error for event in flow.publish(changed, bad)]
    assert errors == ["CrmRejected", "InvalidLead"]
    assert len(flow.rows(good["rut"])["CLIENTS"]) == 1
    # Refused by the endpoint itself: the document's rules let such a body through.
    url, key = flow.output["apis"]["crm"]["url"], flow.api_key()
    body = {name: bad[name] for name in ("name", "lastname", "rut", "mail")} | {"phone": 123456}
    twice = f'{json.dumps(body)[:-1]}, "mail": "{bad["mail"]}"}}'
    headers = {"x-api-key": key, "content-type": "application/json"}
    answer = requests.post(f"{url}/create_client", data=twice, headers=headers, timeout=30)
    assert answer.status_code == 400
    people = {
        f"{field} of {who}": str(lead[field])
        for who, lead in (("good", good), ("changed", changed), ("bad", bad))
        for field in ("name", "lastname", "rut", "phone", "mail")
    }
    return Marks(
        people=people,
        secrets={
            "the API's key": key,
            "the functions' password": flow.password(flow.outputs["database"]["secret_arn"]),
            "the administrator's password": flow.password(ADMIN_SECRET),
        },
        failed=["rut of bad"],
        searched={
            **dict.fromkeys(people, ("^execution ",)),
            **dict.fromkeys(("rut of good", "mail of good"), ("^execution ", "/database/data/")),
        },
    )


#: In the rows' files, in executions and in their log. `test_observability` proves that prd's log
#: has no data of executions.
PLACES = (
    r"folder \S+/database/data/\S+"
    r"|execution \S+:flowbridge-local-crm-registration:\S+"
    r"|log /aws/vendedlogs/states/flowbridge-local-crm-registration"
)

EXPECTATIONS = Expectations(
    running=Registration,
    libraries=LIBRARIES,
    unknown_policies={
        "module.migrate.aws_iam_role_policy.this": (
            "RDS names the administrator's secret, and KMS its key"
        ),
        "module.api_key_issuer.aws_iam_role_policy.this": (
            "API Gateway chooses the usage plan's identifier"
        ),
        "module.front_door_site.module.bucket.aws_s3_bucket_policy.this": (
            "CloudFront chooses the distribution's identifier"
        ),
    },
    wide={"RemoveKeys": "API Gateway chooses a key's identifier when the key is made"},
    public_apis={
        "lead-form-api": "who fills in a form has no key, and one in the page is everybody's"
    },
    rights=rights,
    events=Events(
        good=lambda _: new_lead(name="Marked Name", mail="marked@example.com"),
        bad=lambda _: new_lead(rut="nonsense"),
        error="InvalidLead",
    ),
    marks=marks,
    places=PLACES,
    settings=Settings(
        wrong={
            "api": {"leads_per_second": 0},
            "backend_concurrency": 0,
            "event_pattern": {"sources": [], "detail_types": []},
            "front_door": {"rate": 0},
        },
        sentences=[
            "crm_registration.api.leads_per_second is above 0",
            "crm_registration.backend_concurrency is 1 or more, or null",
            "crm_registration.event_pattern needs at least one source",
            "crm_registration.front_door.rate is above 0",
        ],
        required="api",
        platform=["database"],
    ),
)
