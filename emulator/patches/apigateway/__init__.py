"""API Gateway.

- ``put-rest-api``: MiniStack has no ``PutRestApi``, by which Terraform sends an OpenAPI document.
- ``apis-of-any-account``: a request without a signature names no account, and MiniStack then looks
  for its REST API in the default account only. The APIs of dev, qa and prd could not be called.
- ``changed-tags``: MiniStack stores changed tags apart from the API or stage, and describes both
  with the tags of their creation. Terraform would change them in every apply.
- ``plans-without-quota``: a usage plan that was made without a quota has an empty one, which every
  plan of Terraform would remove.
- ``service-integrations``: an integration of type ``AWS`` calls functions and queues only, without
  the rights of its role.
- ``mapping-templates``: templates have neither directives nor ``$util.escapeJavaScript``, and
  cannot override the status.
- ``answers-of-functions``: an integration of type ``AWS`` with a function ignores its templates and
  the patterns of its responses.
- ``rights-of-integrations``: an API calls every function, whatever the function's policy allows.
- ``unmapped-types``: ``WHEN_NO_TEMPLATES`` passes content types that no template takes.
- ``apis-of-other-accounts``: a signed call of another account's API is asked for a right on an API
  of the caller's account, and is refused.
- ``calls-of-state-machines``: a resource policy knows neither ``states.amazonaws.com`` nor
  ``aws:SourceArn``.
"""

from __future__ import annotations

from emulator.patches.apigateway import callers, functions, integrations, rest_apis
from emulator.settings import Settings

#: The name of each gap, and what AWS does.
GAPS = {
    "put-rest-api": (
        "``PutRestApi`` creates the API of an OpenAPI document, with its resource policy."
    ),
    "apis-of-any-account": "The host name of an API is enough to call it.",
    "changed-tags": "An API and a stage have the tags of their last change.",
    "plans-without-quota": "A usage plan may have no quota.",
    "service-integrations": (
        "An integration of type ``AWS`` calls any action of any service, with the rights of its "
        "role, which API Gateway must be trusted to take."
    ),
    "mapping-templates": (
        "Templates are Velocity; ``$util`` escapes values, and ``$context.responseOverride`` sets "
        "the status and headers."
    ),
    "answers-of-functions": (
        "A function gets what the request's template makes; the pattern that its error message "
        "matches chooses the response and its template."
    ),
    "rights-of-integrations": (
        "A function's policy must let the API call it, or the integration has a role that may."
    ),
    "unmapped-types": "``WHEN_NO_TEMPLATES`` and ``NEVER`` refuse them with 415.",
    "apis-of-other-accounts": (
        "The right is on the API's own ARN; across accounts the caller's policy and the API's "
        "resource policy must both allow the call."
    ),
    "calls-of-state-machines": (
        "With ``RESOURCE_POLICY``, ``apigateway:invoke`` calls as ``states.amazonaws.com`` for its "
        "state machine (``aws:SourceArn``)."
    ),
}


def apply(settings: Settings) -> None:
    """Close the gaps."""
    rest_apis.apply(settings)
    integrations.apply(settings.endpoint)
    functions.apply()
    callers.apply()
