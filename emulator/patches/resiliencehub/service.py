"""The operations of Resilience Hub that policies, applications and their assessments need."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from emulator import callers
from emulator.patches.resiliencehub import sources
from emulator.patches.resiliencehub.assessment import (
    NEVER,
    Resource,
    compliance,
    overall,
    verdict,
)
from emulator.services import Refused

JsonObject = dict[str, Any]

DRAFT, RELEASE = "draft", "release"
#: How long an import or an assessment is Pending, and then InProgress.
PENDING_SECONDS, RUNNING_SECONDS = 0.3, 1.0
#: Assessments of an application in a month
#: (https://docs.aws.amazon.com/resilience-hub/latest/userguide/quotas.html).
QUOTA = 20
MONTH_SECONDS = 30 * 24 * 3600


class Sources:
    """Where resources are read, with the caller's rights."""

    def state(self, url: str) -> list[Resource]:
        """Return the resources of a state file.

        Raises
        ------
        LookupError
            With the reason, when it cannot be read.
        """
        from ministack.services import s3

        place = sources.place_of(url)
        if place is None:
            raise LookupError(f"{url} is not the URL of an object in S3")
        bucket, key = place
        if refused := callers.refusal("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}"):
            raise LookupError(refused)
        content = s3._get_object_data(bucket, key)
        if content is None:
            raise LookupError(f"{url} does not exist")
        return sources.of_state(json.loads(content))

    def stack(self, arn: str) -> list[Resource]:
        """Return the resources of a stack.

        Raises
        ------
        LookupError
            With the reason, when it cannot be read.
        """
        from ministack.services import cloudformation

        if refused := callers.refusal("cloudformation:ListStackResources", arn):
            raise LookupError(refused)
        for stack in cloudformation._stacks.values():
            if stack.get("StackId") == arn:
                resources = stack.get("_resources") or {}
                return sources.of_stack(
                    {
                        "Type": one.get("ResourceType"),
                        "Name": one.get("PhysicalResourceId") or name,
                        "Properties": one.get("Properties"),
                    }
                    for name, one in resources.items()
                )
        raise LookupError(f"{arn} does not exist")


@dataclass
class Work:
    """An import or an assessment, which takes its time."""

    begun: float
    error: str = ""

    def status(self, now: float) -> str:
        """Return how far it is."""
        age = now - self.begun
        if age < PENDING_SECONDS:
            return "Pending"
        if age < PENDING_SECONDS + RUNNING_SECONDS:
            return "InProgress"
        return "Failed" if self.error else "Success"


@dataclass
class App:
    """An application.

    Parameters
    ----------
    described
        The answer of ``DescribeApp``.
    """

    described: JsonObject
    imported: Work | None = None
    #: The resources of each version, and those that the import brings into the draft.
    versions: dict[str, list[Resource]] = field(default_factory=lambda: {DRAFT: []})
    incoming: list[Resource] = field(default_factory=list)
    assessed: list[float] = field(default_factory=list)


class ResilienceHub:
    """The service.

    Parameters
    ----------
    place
        Returns account and region of the request, as ARNs have them.
    read
        Where resources are read.
    clock
        Returns the time in seconds.
    """

    def __init__(
        self,
        place: Callable[[], str],
        read: Any = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._place, self._read, self._clock = place, read or Sources(), clock
        self._policies: dict[str, JsonObject] = {}
        self._apps: dict[str, App] = {}
        self._assessments: dict[str, tuple[JsonObject, Work, list[JsonObject]]] = {}

    # --- policies ---

    def create_resiliency_policy(self, asked: JsonObject) -> JsonObject:
        """Create a policy."""
        arn = self._arn("resiliency-policy")
        for name, objective in asked["policy"].items():
            if max(objective["rtoInSecs"], objective["rpoInSecs"]) >= NEVER:
                raise Refused("ValidationException", f"An objective of {name} is too long.")
        policy = {**asked, "policyArn": arn, "creationTime": self._clock()}
        self._policies[arn] = {**policy, "estimatedCostTier": "L1"}
        return {"policy": self._policies[arn]}

    def describe_resiliency_policy(self, asked: JsonObject) -> JsonObject:
        """Return a policy."""
        return {"policy": self._policy(asked["policyArn"])}

    def update_resiliency_policy(self, asked: JsonObject) -> JsonObject:
        """Change a policy."""
        policy = self._policy(asked["policyArn"])
        policy.update(asked)
        return {"policy": policy}

    def delete_resiliency_policy(self, asked: JsonObject) -> JsonObject:
        """Delete a policy that no application has."""
        arn = asked["policyArn"]
        self._policy(arn)
        if any(app.described.get("policyArn") == arn for app in self._apps.values()):
            raise Refused("ConflictException", "An application has the policy.")
        del self._policies[arn]
        return {"policyArn": arn}

    def list_resiliency_policies(self, _: JsonObject) -> JsonObject:
        """Return all policies."""
        return {"resiliencyPolicies": list(self._policies.values())}

    # --- applications ---

    def create_app(self, asked: JsonObject) -> JsonObject:
        """Create an application."""
        if policy := asked.get("policyArn"):
            self._policy(policy)
        if any(app.described["name"] == asked["name"] for app in self._apps.values()):
            raise Refused("ConflictException", f"There is an application {asked['name']}.")
        arn = self._arn("app")
        described = {"assessmentSchedule": "Disabled", **asked, "appArn": arn}
        described |= {"creationTime": self._clock(), "status": "Active"}
        self._apps[arn] = App({**described, "complianceStatus": "NotAssessed"})
        return {"app": described}

    def describe_app(self, asked: JsonObject) -> JsonObject:
        """Return an application."""
        return {"app": self._app(asked).described}

    def update_app(self, asked: JsonObject) -> JsonObject:
        """Change an application."""
        app = self._app(asked)
        app.described.update(asked)
        if asked.get("clearResiliencyPolicyArn"):
            app.described.pop("policyArn", None)
        return {"app": app.described}

    def delete_app(self, asked: JsonObject) -> JsonObject:
        """Delete an application."""
        self._app(asked)
        del self._apps[asked["appArn"]]
        return {"appArn": asked["appArn"]}

    def list_apps(self, _: JsonObject) -> JsonObject:
        """Return all applications."""
        return {"appSummaries": [app.described for app in self._apps.values()]}

    # --- imports and versions ---

    def import_resources_to_draft_app_version(self, asked: JsonObject) -> JsonObject:
        """Begin to import resources into the draft."""
        app = self._app(asked)
        self._refuse_busy(app)
        found: list[Resource] = []
        error = ""
        try:
            for source in asked.get("terraformSources") or ():
                found += self._read.state(source["s3StateFileUrl"])
            for arn in asked.get("sourceArns") or ():
                found += self._read.stack(arn)
        except (LookupError, ValueError) as refused:
            error = str(refused)
        kept = [] if asked.get("importStrategy") == "ReplaceAll" else app.versions[DRAFT]
        known = {(one.kind, one.name) for one in found}
        app.incoming = found + [one for one in kept if (one.kind, one.name) not in known]
        app.imported = Work(self._clock(), error)
        shown: JsonObject = {
            name: asked[name] for name in ("sourceArns", "terraformSources") if name in asked
        }
        return {"appArn": asked["appArn"], "appVersion": DRAFT, "status": "Pending", **shown}

    def describe_draft_app_version_resources_import_status(self, asked: JsonObject) -> JsonObject:
        """Return how far the import is."""
        app = self._app(asked)
        if app.imported is None:
            raise Refused("ResourceNotFoundException", "Nothing was imported.")
        status = app.imported.status(self._clock())
        error = {"errorMessage": app.imported.error} if status == "Failed" else {}
        return {
            "appArn": asked["appArn"],
            "appVersion": DRAFT,
            "status": status,
            "statusChangeTime": app.imported.begun,
            **error,
        }

    def publish_app_version(self, asked: JsonObject) -> JsonObject:
        """Make the draft the release."""
        app = self._app(asked)
        self._refuse_busy(app)
        if app.imported and not app.imported.error:
            app.versions[DRAFT] = app.incoming
        number = len(app.versions)
        app.versions |= {RELEASE: list(app.versions[DRAFT])}
        app.versions[str(number)] = app.versions[RELEASE]
        return {"appArn": asked["appArn"], "appVersion": str(number), "identifier": number}

    # --- assessments ---

    def start_app_assessment(self, asked: JsonObject) -> JsonObject:
        """Begin to assess a version."""
        app, version = self._app(asked), asked["appVersion"]
        if version not in app.versions:
            raise Refused("ResourceNotFoundException", f"Version {version} does not exist.")
        for known, _, _ in self._assessments.values():
            if (known["appArn"], known["assessmentName"]) == (
                asked["appArn"],
                asked["assessmentName"],
            ):
                raise Refused("ConflictException", "There is an assessment of this name.")
        now = self._clock()
        recent = [moment for moment in app.assessed if now - moment < MONTH_SECONDS]
        if len(recent) >= QUOTA:
            raise Refused(
                "ServiceQuotaExceededException",
                f"The application had {QUOTA} assessments within a month.",
            )
        app.assessed = [*recent, now]
        arn = self._arn("app-assessment")
        assessment: JsonObject = {
            "appArn": asked["appArn"],
            "appVersion": version,
            "assessmentArn": arn,
            "assessmentName": asked["assessmentName"],
            "invoker": "User",
            "startTime": now,
            "tags": asked.get("tags") or {},
        }
        work = Work(now, "" if app.versions[version] else "The version has no resources.")
        components = self._assess(app, version, assessment)
        self._assessments[arn] = (assessment, work, components)
        return {"assessment": {**assessment, "assessmentStatus": "Pending"}}

    def describe_app_assessment(self, asked: JsonObject) -> JsonObject:
        """Return an assessment; its result once it has one."""
        assessment, work, _ = self._assessment(asked)
        status = work.status(self._clock())
        shown = {**assessment, "assessmentStatus": status}
        if status != "Success":
            for name in ("compliance", "complianceStatus"):
                shown.pop(name, None)
        if status == "Failed":
            shown["message"] = work.error
        return {"assessment": shown}

    def list_app_component_compliances(self, asked: JsonObject) -> JsonObject:
        """Return how each resource meets the policy."""
        _, work, components = self._assessment(asked)
        is_done = work.status(self._clock()) == "Success"
        return {"componentCompliances": components if is_done else []}

    def _assess(self, app: App, version: str, assessment: JsonObject) -> list[JsonObject]:
        """Write the result of an assessment; return that of each resource."""
        policy = self._policies.get(app.described.get("policyArn") or "")
        if policy is None:
            assessment["complianceStatus"] = "MissingPolicy"
            return []
        components, found_of_all = [], []
        for resource in app.versions[version]:
            found = compliance(resource, policy["policy"])
            found_of_all.append(found)
            components.append(
                {
                    "appComponentName": f"{resource.kind} {resource.name}",
                    "compliance": found,
                    "status": verdict(found),
                    "message": " ".join(one["message"] for one in found.values()).strip(),
                }
            )
        total = overall(found_of_all)
        assessment |= {
            "compliance": total,
            "complianceStatus": verdict(total),
            "policy": policy,
            "resiliencyScore": score(total),
        }
        app.described["complianceStatus"] = verdict(total)
        return components

    # --- tags ---

    def tag_resource(self, asked: JsonObject) -> JsonObject:
        """Add tags."""
        self._tagged(asked["resourceArn"]).update(asked["tags"])
        return {}

    def untag_resource(self, asked: JsonObject) -> JsonObject:
        """Remove tags."""
        tags = self._tagged(asked["resourceArn"])
        for key in asked["tagKeys"]:
            tags.pop(key, None)
        return {}

    def list_tags_for_resource(self, asked: JsonObject) -> JsonObject:
        """Return tags."""
        return {"tags": self._tagged(asked["resourceArn"])}

    # --- what there is ---

    def _arn(self, kind: str) -> str:
        return f"arn:aws:resiliencehub:{self._place()}:{kind}/{uuid4()}"

    def _policy(self, arn: str) -> JsonObject:
        if arn not in self._policies:
            raise Refused("ResourceNotFoundException", f"Policy {arn} does not exist.")
        return self._policies[arn]

    def _app(self, asked: Mapping[str, Any]) -> App:
        arn = asked["appArn"]
        if arn not in self._apps:
            raise Refused("ResourceNotFoundException", f"Application {arn} does not exist.")
        return self._apps[arn]

    def _assessment(self, asked: Mapping[str, Any]) -> tuple[JsonObject, Work, list[JsonObject]]:
        arn = asked["assessmentArn"]
        if arn not in self._assessments:
            raise Refused("ResourceNotFoundException", f"Assessment {arn} does not exist.")
        return self._assessments[arn]

    def _refuse_busy(self, app: App) -> None:
        now = self._clock()
        if app.imported and app.imported.status(now) in ("Pending", "InProgress"):
            raise Refused("ConflictException", "An import is in progress.")

    def _tagged(self, arn: str) -> dict[str, str]:
        found = self._policies.get(arn)
        if found is None and arn in self._apps:
            found = self._apps[arn].described
        if found is None:
            raise Refused("ResourceNotFoundException", f"Resource {arn} does not exist.")
        tags: dict[str, str] = found.setdefault("tags", {})
        return tags


def score(total: Mapping[str, Mapping[str, Any]]) -> JsonObject:
    """Return the share of the objectives that are met."""
    met = Counter(one["complianceStatus"] == "PolicyMet" for one in total.values())
    share = met[True] / len(total) if total else 0.0
    scores = {name: float(one["complianceStatus"] == "PolicyMet") for name, one in total.items()}
    return {"score": share, "disruptionScore": scores}


def resource_of(operation: str, fields: Mapping[str, Any], _: str) -> str:
    """Return the ARN that a request is about."""
    for name in ("appArn", "policyArn", "assessmentArn", "resourceArn"):
        if operation != "CreateApp" and name in fields:
            return str(fields[name])
    return "*"
