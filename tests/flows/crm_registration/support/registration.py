"""The CRM registration of a running environment, as its callers and its operator see it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from ops.flows.crm_registration.rows import CrmDatabase, Row
from tests.support.running import RunningFlow

FLOW = "crm_registration"


@dataclass
class Registration(RunningFlow):
    """The flow, with its API and its database."""

    name: str = field(default=FLOW, kw_only=True)

    def api_key(self) -> str:
        """Return the API key."""
        secret = self.output["apis"]["crm"]["api_key_secret_arn"]
        answer = self.aws.client("secretsmanager").get_secret_value(SecretId=secret)
        text: str = answer["SecretString"]
        return text

    def password(self, secret: str) -> str:
        """Return the password in a secret of a user of the database."""
        answer = self.aws.client("secretsmanager").get_secret_value(SecretId=secret)
        password: str = json.loads(answer["SecretString"])["password"]
        return password

    def rows(self, rut: str) -> dict[str, list[Row]]:
        """Return a person's rows, by table."""
        database = CrmDatabase(self.outputs["database"], self.aws.client("secretsmanager"))
        try:
            return database.rows(rut)
        finally:
            database.close()
