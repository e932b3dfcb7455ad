"""The CRM registration in the benchmark."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable

from benchmarks.flows import Event, FlowBenchmark, Function
from ops.settings import REPOSITORY
from tests.support.mariadb import MariaDB

numbers = itertools.count(1)


def lead() -> Event:
    """Return a new lead."""
    return {
        "name": "Camila",
        "lastname": "Saavedra",
        "rut": f"{next(numbers)}-0",
        "phone": 56983747263,
        "mail": "csaavedra@micorreo.com",
        "store": "est_central",
        "wantsBenefit": False,
        "origin": "app",
    }


def bus_event() -> Event:
    """Return an event as EventBridge passes it to the first state."""
    return {
        "version": "0",
        "id": "c66caab7-10f8-d6e9-fc4e-2b92021ce7ed",
        "detail-type": "CRM Registration",
        "source": "kranio.event.crm",
        "account": "000000000000",
        "time": "2026-01-26T21:52:58Z",
        "region": "us-east-1",
        "resources": [],
        "detail": lead(),
    }


def failure() -> Event:
    """Return the input of the state CatchErrors."""
    return {
        "event": bus_event(),
        "failedState": "CreateClient",
        "error": {"Error": "CrmRejected", "Cause": '{"errorMessage": "no"}'},
        "execution": "arn:aws:states:us-east-1:000000000000:execution:machine:1",
    }


def request(*fields: str) -> Callable[[], Event]:
    """Return a function that makes API Gateway's events for an endpoint with these fields."""

    def make() -> Event:
        body = {name: value for name, value in lead().items() if name in fields}
        return {"httpMethod": "POST", "body": json.dumps(body), "isBase64Encoded": False}

    return make


def variables(database: MariaDB, url: str) -> dict[str, str]:
    """Return the functions' environment variables."""
    return {
        "CRM_API_URL": url,
        "CRM_API_KEY_SECRET": "api-key",
        # Both names, so that older commits can be measured too.
        "FAILED_LEADS_QUEUE_URL": f"{url}/000000000000/failed-leads",
        "FAILED_QUEUE_URL": f"{url}/000000000000/failed-leads",
        "EVENT_BUS_NAME": "bus",
        "DATABASE_HOST": database.host,
        "DATABASE_PORT": str(database.port),
        "DATABASE_NAME": database.name,
        "DATABASE_SECRET": "database",
        # The article's functions read no secret.
        "DATABASE_USER": database.root.username,
        "DATABASE_PASSWORD": database.root.password,
    }


def secrets(database: MariaDB) -> dict[str, str]:
    """Return the secrets that the functions read."""
    user = {"username": database.root.username, "password": database.root.password}
    return {"api-key": "k" * 40, "database": json.dumps(user)}


def make_tables(database: MariaDB) -> None:
    """Create the tables with the flow's migrations, for our functions and the article's."""
    for file in sorted((REPOSITORY / "lambda_src" / "crm" / "migrations").glob("*.sql")):
        database.execute(file.read_text())


BENCHMARK = FlowBenchmark(
    functions={
        "receive_lead": Function("crm_registration", bus_event),
        "create_client": Function("crm_registration", lead),
        "create_partner": Function("crm_registration", lead),
        "create_benefit": Function("crm_registration", lead),
        "catch_errors": Function("crm_registration", failure),
        "create_client_back": Function("crm", request("name", "lastname", "rut", "phone", "mail")),
        "create_partner_back": Function("crm", request("rut", "store")),
        "create_benefit_back": Function("crm", request("rut", "wantsBenefit")),
    },
    articles_packages={"crm_registration": "step_functions", "crm": "api"},
    libraries={
        "crm_registration": ("requests", "urllib3", "certifi", "idna", "charset_normalizer"),
        "crm": ("pymysql",),
    },
    tried_on=("receive_lead", "create_client", "create_client_back"),
    variables=variables,
    secrets=secrets,
    prepare=make_tables,
)
