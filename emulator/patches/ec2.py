"""EC2.

- ``endpoint-fields``: a VPC endpoint forgets its policy, its security groups and its private DNS.
- ``flow-log-fields``: a flow log forgets its role, its interval and its tags.
- ``tag-rights``: policies can see neither the tags of a resource nor those that a creation sets,
  and a change of tags is about every resource.
- ``fourth-zone``: a region has three availability zones. In us-east-1 one of these is use1-az3,
  which the network avoids because it has little capacity for functions, so no network could span
  three.
- ``default-network``: the filter ``isDefault``, by which Terraform finds the default VPC, selects
  every VPC.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from emulator.settings import Settings

#: The name of each gap, and what AWS does.
GAPS = {
    "endpoint-fields": "A VPC endpoint keeps its policy, security groups and private DNS.",
    "flow-log-fields": "A flow log keeps its role, interval and tags.",
    "tag-rights": (
        "Conditions see tags of requests and resources; tags are changed with the right "
        "on the resource."
    ),
    "fourth-zone": "us-east-1 has six availability zones.",
    "default-network": "The filter `isDefault` selects the default VPC, as `is-default` does.",
}
#: Kinds of resources whose tags policies ask for, by how their identifiers begin.
KINDS = {
    "fl": "vpc-flow-log",
    "rtb": "route-table",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "subnet": "subnet",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
}
TAG_SPECIFICATION = re.compile(r"(TagSpecification\.\d+\.Tag\.\d+)\.Key")
NETWORK_ID = re.compile(rb"\b(?:vpce|fl)-[0-9a-f]{17}\b")
NAMED_NETWORK_ID = re.compile(rb"<(?:vpcEndpointId|flowLogId)>([^<]+)</[^>]+>")

Answer = tuple[int, dict[str, str], bytes]


def apply(_: Settings) -> None:
    """Close the gaps."""
    from ministack.core import iam_actions
    from ministack.services import ec2, tagging

    iam_actions.extract_resource_arn = with_tagged(iam_actions.extract_resource_arn)
    iam_actions.request_tag_context = with_specified_tags(iam_actions.request_tag_context)
    tagging.resource_tags = with_tags(tagging.resource_tags, lambda name: ec2._tags.get(name))
    actions = ec2._ACTION_MAP
    network = NetworkFields(ec2._parse_tag_specs)
    for name in ("CreateVpcEndpoint", "ModifyVpcEndpoint", "CreateFlowLogs"):
        actions[name] = network.kept(actions[name])
    for name in ("DescribeVpcEndpoints", "DescribeFlowLogs"):
        actions[name] = network.given(actions[name])
    actions["DescribeAvailabilityZones"] = with_fourth_zone(actions["DescribeAvailabilityZones"])
    ec2._matches_vpc_filters = with_default_network(ec2._matches_vpc_filters)


def with_default_network(matches: Callable[..., bool]) -> Callable[..., bool]:
    """Return MiniStack's filter of VPCs, with the name that Terraform's provider uses."""

    def matches_default(vpc: Any, filters: Mapping[str, Any]) -> bool:
        names = {"isDefault": "is-default"}
        return matches(vpc, {names.get(name, name): values for name, values in filters.items()})

    return matches_default


def with_tagged(arn_of: Callable[..., str]) -> Callable[..., str]:
    """Return MiniStack's lookup of a call's resource: for a change of tags, what is tagged.

    Only the first resource counts; AWS checks each.
    """

    def arn_with_tagged(
        service: str,
        method: str,
        path: str,
        headers: Any,
        body: bytes,
        params: Mapping[str, Any],
        region: str,
        account: str,
    ) -> str:
        asked = flat(params) if service == "ec2" else {}
        tagged = asked.get("ResourceId.1", "")
        if asked.get("Action") in ("CreateTags", "DeleteTags") and tagged:
            kind = KINDS.get(tagged.partition("-")[0], "*")
            return f"arn:aws:ec2:{region}:{account}:{kind}/{tagged}"
        return arn_of(service, method, path, headers, body, params, region, account)

    return arn_with_tagged


def with_specified_tags(context: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Return MiniStack's reading of a request's tags, with those of what a call creates."""

    def context_with_specified(
        service: str, action: str, body: bytes, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        found = dict(context(service, action, body, params))
        asked = flat(params) if service == "ec2" else {}
        tags = {
            value: asked.get(f"{match[1]}.Value", "")
            for name, value in asked.items()
            if (match := TAG_SPECIFICATION.fullmatch(name))
        }
        if tags:
            found |= {f"aws:RequestTag/{key}": value for key, value in tags.items()}
            found["aws:TagKeys"] = list(tags)
        return found

    return context_with_specified


def with_tags(
    tags_of: Callable[[str], dict[str, str] | None],
    kept: Callable[[str], list[dict[str, str]] | None],
) -> Callable[[str], dict[str, str] | None]:
    """Return MiniStack's lookup of a resource's tags by ARN, which knows those of EC2.

    Parameters
    ----------
    tags_of
        MiniStack's function.
    kept
        Returns the tags that MiniStack keeps for an identifier of EC2.
    """

    def tags_with_ec2(arn: str) -> dict[str, str] | None:
        if arn.startswith("arn:aws:ec2:"):
            found = kept(arn.rpartition("/")[2])
            return None if found is None else {tag["Key"]: tag["Value"] for tag in found}
        return tags_of(arn)

    return tags_with_ec2


def with_fourth_zone(describe: Callable[..., Answer]) -> Callable[..., Answer]:
    """Return MiniStack's list of availability zones, with one more."""

    def describe_four(params: Mapping[str, Any]) -> Answer:
        status, headers, body = describe(params)
        items = re.findall(rb"<item>(?:(?!</item>).)*</item>", body, re.DOTALL)
        for third in items[2:3]:
            fourth = re.sub(rb"c(</zoneName>)", rb"d\1", third)
            fourth = re.sub(rb"3(</zoneId>)", rb"4\1", fourth)
            body = body.replace(third, third + fourth)
        return status, headers, body

    return describe_four


class NetworkFields:
    """The fields of VPC endpoints and flow logs that MiniStack drops, by identifier.

    Parameters
    ----------
    keep_tags
        MiniStack's reading of a request's tags, for a kind of resource and an identifier.
    """

    def __init__(self, keep_tags: Callable[[Mapping[str, Any], str, str], None]) -> None:
        self._keep_tags = keep_tags
        self._of: dict[str, dict[str, str]] = {}

    def kept(self, change: Callable[..., Answer]) -> Callable[..., Answer]:
        """Return MiniStack's creation or change of such a resource, which keeps its fields."""

        def change_and_keep(params: Mapping[str, Any]) -> Answer:
            answer = change(params)
            if answer[0] == 200:
                named = [value for key, value in flat(params).items() if key == "VpcEndpointId"]
                for key in named or {i.decode() for i in NETWORK_ID.findall(answer[2])}:
                    self._keep(key, flat(params))
                    # MiniStack looks for tags of a "flow-log", which AWS does not know.
                    self._keep_tags(params, "vpc-flow-log", key)
            # The answer to a creation is read as a description.
            return answer[0], answer[1], self._with_fields(answer[2])

        return change_and_keep

    def given(self, describe: Callable[..., Answer]) -> Callable[..., Answer]:
        """Return MiniStack's description of such resources, with these fields added."""

        def describe_all_fields(params: Mapping[str, Any]) -> Answer:
            status, headers, body = describe(params)
            return status, headers, self._with_fields(body)

        return describe_all_fields

    def _with_fields(self, body: bytes) -> bytes:
        def with_own(match: re.Match[bytes]) -> bytes:
            fields = self._of.get(match[1].decode(), {})
            return match[0] + "".join(f"<{n}>{v}</{n}>" for n, v in fields.items()).encode()

        return NAMED_NETWORK_ID.sub(with_own, body)

    def _keep(self, key: str, asked: Mapping[str, str]) -> None:
        fields = self._of.setdefault(key, {})
        for name, field in {
            "PolicyDocument": "policyDocument",
            "PrivateDnsEnabled": "privateDnsEnabled",
            "DeliverLogsPermissionArn": "deliverLogsPermissionArn",
            "MaxAggregationInterval": "maxAggregationInterval",
        }.items():
            if name in asked:
                fields[field] = escape(asked[name])
        groups = set(re.findall(r"<groupId>([^<]+)<", fields.get("groupSet", "")))
        groups |= {v for n, v in asked.items() if re.match(r"(Add)?SecurityGroupId\.", n)}
        groups -= {v for n, v in asked.items() if n.startswith("RemoveSecurityGroupId.")}
        if groups:
            fields["groupSet"] = "".join(
                f"<item><groupId>{escape(group)}</groupId></item>" for group in sorted(groups)
            )


def flat(params: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields of a form, each of which MiniStack may give as a list of one."""
    return {key: v[0] if isinstance(v, list) else v for key, v in params.items() if v}
