"""The emulator keeps what describes an endpoint or a flow log, and has zones enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulator.patches.ec2 import Answer, NetworkFields, with_fourth_zone

ENDPOINT = "vpce-0123456789abcdef0"
FLOW_LOG = "fl-0123456789abcdef0"


def answer(text: str) -> Answer:
    return 200, {}, text.encode()


def described(params: Mapping[str, Any]) -> Answer:
    return answer(f"<item><vpcEndpointId>{ENDPOINT}</vpcEndpointId></item>")


def test_an_endpoint_keeps_its_policy_its_name_and_its_groups() -> None:
    network = NetworkFields(lambda *_: None)
    create, describe = network.kept(described), network.given(described)

    create(
        {
            "PolicyDocument": ['{"Version": "<1>"}'],
            "PrivateDnsEnabled": ["true"],
            "SecurityGroupId.1": ["sg-1"],
            "SecurityGroupId.2": ["sg-2"],
        }
    )
    network.kept(lambda _: answer("<return>true</return>"))(
        {
            "VpcEndpointId": [ENDPOINT],
            "AddSecurityGroupId.1": ["sg-3"],
            "RemoveSecurityGroupId.1": ["sg-1"],
        }
    )

    text = describe({})[2].decode()
    assert '<policyDocument>{"Version": "&lt;1&gt;"}</policyDocument>' in text
    assert "<privateDnsEnabled>true</privateDnsEnabled>" in text
    groups = "".join(f"<item><groupId>{group}</groupId></item>" for group in ("sg-2", "sg-3"))
    assert f"<groupSet>{groups}</groupSet>" in text


def test_a_flow_log_keeps_its_role_its_interval_and_its_tags() -> None:
    tagged = []
    network = NetworkFields(lambda _, kind, key: tagged.append((kind, key)))
    create = network.kept(lambda _: answer(f"<item>{FLOW_LOG}</item>"))
    describe = network.given(lambda _: answer(f"<flowLogId>{FLOW_LOG}</flowLogId>"))

    create({"DeliverLogsPermissionArn": "arn:role", "MaxAggregationInterval": "600"})

    text = describe({})[2].decode()
    assert "<deliverLogsPermissionArn>arn:role</deliverLogsPermissionArn>" in text
    assert "<maxAggregationInterval>600</maxAggregationInterval>" in text
    assert tagged == [("vpc-flow-log", FLOW_LOG)]


def test_what_was_refused_is_not_kept() -> None:
    network = NetworkFields(lambda *_: None)
    refuse = network.kept(lambda _: (400, {}, b"<Error/>"))

    refuse({"VpcEndpointId": [ENDPOINT], "PrivateDnsEnabled": ["true"]})

    assert b"privateDnsEnabled" not in network.given(described)({})[2]


def test_there_is_a_fourth_zone() -> None:
    zones = "".join(
        f"<item>\n<zoneName>eu-west-1{letter}</zoneName><zoneId>euw1-az{number}</zoneId>\n</item>"
        for number, letter in enumerate("abc", start=1)
    )

    text = with_fourth_zone(lambda _: answer(zones))({})[2].decode()

    assert text.startswith(zones)
    assert text.count("<item>") == 4
    assert "<zoneName>eu-west-1d</zoneName><zoneId>euw1-az4</zoneId>" in text
