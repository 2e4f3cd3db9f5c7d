"""The AWS client through ordinary boto3 against the emulated cloud: no mock in between."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "emulate" / "aws"))

from awslab import Lab, lab, loop, make_lab, moto

from meshlab.emulate.aws.settings import AwsTimings
from meshlab.live.aws import compute, keys, network, sweep
from meshlab.live.aws.errors import AwsError, ErrorKind, classify
from meshlab.live.aws.session import AwsSession, Exchange, NotLoopback
from meshlab.live.secret import Secret
from own_time import HandClock

__all__ = ["lab", "loop", "make_lab", "moto"]

TAGS = {"meshlab/cluster": "ref"}


def session(lab: Lab, **options: Any) -> AwsSession:
    return AwsSession(
        "us-east-1",
        endpoint_url=lab.cloud.endpoint,
        credentials=lab.cloud.credentials,
        **{"patience_s": 60.0, "settle_s": 60.0, **options},
    )


def kind_of(call: Callable[..., Any], *arguments: Any, **options: Any) -> ErrorKind:
    with pytest.raises(AwsError) as caught:
        call(*arguments, **options)
    return caught.value.kind


def prepared(aws: AwsSession) -> tuple[network.Vpc, network.Subnet, str]:
    vpc = network.create_vpc(aws, "10.20.0.0/16", TAGS)
    subnet = network.create_subnet(aws, vpc.id, "us-east-1a", "10.20.1.0/24", TAGS)
    return vpc, subnet, network.create_security_group(aws, vpc.id, "cp", "control plane", TAGS)


def test_the_whole_bring_up_and_its_destroy_leave_nothing(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(AwsTimings(0.1, 0.1, 0.1, 0.1, (0.0, 0.15), 0.2, 0.0))
    aws = session(lab)
    image = compute.talos_image(aws, "v1.13.9")
    vpc = network.create_vpc(aws, "10.20.0.0/16", TAGS)
    network.enable_vpc_dns(aws, vpc.id)
    zones = [zone.name for zone in network.zones(aws)][:3]
    subnets = [network.create_subnet(aws, vpc.id, z, f"10.20.{i}.0/24", TAGS) for i, z in enumerate(zones, 1)]
    for subnet in subnets:
        network.set_public_addresses(aws, subnet.id, True)
    gateway = network.create_internet_gateway(aws, TAGS)
    network.attach_internet_gateway(aws, gateway.id, vpc.id)
    table = network.create_route_table(aws, vpc.id, TAGS, token="table")
    network.create_route(aws, table.id, "0.0.0.0/0", gateway.id)
    associations = [network.associate_route_table(aws, table.id, subnet.id) for subnet in subnets]
    group = network.create_security_group(aws, vpc.id, "cp", "control plane", TAGS)
    rules = network.control_plane_rules(operators=["198.51.100.7/32"], workers=["203.0.113.0/24"])
    for rule in rules:
        network.authorize(aws, group, rule)
    key = keys.create_key(aws, "Vault unseal", TAGS)
    keys.create_alias(aws, "alias/ref", key.id)
    keys.create_role(aws, "ref-cp", TAGS)
    keys.allow_unseal(aws, "ref-cp", key.arn)
    keys.create_instance_profile(aws, "ref-cp", TAGS)
    keys.put_role_in_profile(aws, "ref-cp", "ref-cp")
    spec = compute.LaunchSpec(image.id, "m6i.large", (group,), profile="ref-cp")
    template = compute.create_launch_template(aws, "ref-cp", spec, TAGS, token="template")
    launched = [
        compute.run_instance(
            aws, token=f"cp-{i}", template=template.id, subnet=s.id, private_ip=f"10.20.{i}.11", tags=TAGS
        )
        for i, s in enumerate(subnets, 1)
    ]
    running = [compute.wait_for_state(aws, i.id, "running", timeout_s=120, poll_s=0.05) for i in launched]

    assert [i.zone for i in running] == zones
    assert [i.private_ip for i in running] == ["10.20.1.11", "10.20.2.11", "10.20.3.11"]
    assert all(i.public_ip for i in running)
    seen = sweep.read(aws, "security-group", group)
    assert set(seen.ingress) == {
        network.GroupRule(r.protocol, r.first_port, r.last_port, tuple(sorted(r.peers))) for r in rules
    }
    assert [r.peers for r in seen.ingress if r.first_port == 6443] == [("self",)]
    assert ("0.0.0.0/0", gateway.id) in sweep.read(aws, "route-table", table.id).routes
    everything = sweep.leftovers(aws, ("meshlab/cluster", "ref"), vpcs=[vpc.id], roles=["ref-cp"])
    assert (len(everything.resources), len(everything.interfaces), everything.roles) == (18, 3, ("ref-cp",))

    for instance in launched:
        assert kind_of(compute.terminate, aws, instance.id) is ErrorKind.PROTECTED
        compute.set_termination_protection(aws, instance.id, False)
        compute.terminate(aws, instance.id)
    assert kind_of(network.delete_security_group, aws, group) is ErrorKind.DEPENDENCY
    for instance in launched:
        compute.wait_for_state(aws, instance.id, "terminated", timeout_s=120, poll_s=0.05)
    compute.delete_launch_template(aws, template.id)
    network.delete_security_group(aws, group)
    for association in associations:
        network.disassociate_route_table(aws, association)
    network.delete_route_table(aws, table.id)
    network.detach_internet_gateway(aws, gateway.id, vpc.id)
    network.delete_internet_gateway(aws, gateway.id)
    for subnet in subnets:
        network.delete_subnet(aws, subnet.id)
    network.delete_vpc(aws, vpc.id)
    keys.take_role_from_profile(aws, "ref-cp", "ref-cp")
    keys.delete_instance_profile(aws, "ref-cp")
    keys.delete_role(aws, "ref-cp")
    keys.delete_alias(aws, "alias/ref")
    keys.schedule_key_deletion(aws, key.id, days=7, approved_key=key.id)
    left = sweep.leftovers(aws, ("meshlab/cluster", "ref"), vpcs=[vpc.id], roles=["ref-cp"])
    assert not left, left
    assert left.pending_keys == (key.arn,)
    assert lab.cloud.instances.hook_errors == []


def test_a_lost_reply_of_a_create_without_token_is_not_repeated_but_found(lab: Lab) -> None:
    aws = session(lab)
    lab.cloud.faults.lose_reply("CreateVpc")
    assert kind_of(network.create_vpc, aws, "10.20.0.0/16", TAGS) is ErrorKind.UNKNOWN_OUTCOME
    assert len(lab.cloud.log.committed("CreateVpc")) == 1
    assert [vpc.cidr for vpc in sweep.find_by_tag(aws, "vpc", TAGS)] == ["10.20.0.0/16"]


def test_an_error_after_the_commit_is_an_unknown_outcome(lab: Lab) -> None:
    aws = session(lab)
    lab.cloud.faults.error_after_commit("CreateInternetGateway")
    assert kind_of(network.create_internet_gateway, aws, TAGS) is ErrorKind.UNKNOWN_OUTCOME
    assert len(sweep.find_by_tag(aws, "internet-gateway", TAGS)) == 1


def test_a_lost_reply_under_a_token_is_repeated_and_makes_one(lab: Lab) -> None:
    aws = session(lab)
    vpc, subnet, group = prepared(aws)
    lab.cloud.faults.lose_reply("CreateRouteTable")
    network.create_route_table(aws, vpc.id, TAGS, token="table")
    lab.cloud.faults.lose_reply("RunInstances")
    spec = compute.LaunchSpec(compute.talos_image(aws, "v1.13.9").id, "m6i.large", (group,))
    launch = {"spec": spec, "subnet": subnet.id, "private_ip": "10.20.1.11", "tags": TAGS}
    made = compute.run_instance(aws, token="cp-1", **launch)
    assert compute.instances_by_token(aws, "cp-1")[0].id == made.id
    assert [len(lab.cloud.log.committed(o)) for o in ("CreateRouteTable", "RunInstances")] == [1, 1]
    assert kind_of(compute.run_instance, aws, token="cp-1", **{**launch, "private_ip": "10.20.1.12"}) is (
        ErrorKind.TOKEN_SPENT
    )


def test_a_create_without_the_token_it_could_take_is_refused_by_us(lab: Lab) -> None:
    with pytest.raises(ValueError, match="client token"):
        session(lab).call("ec2", "create_route_table", VpcId="vpc-00000000000000000")
    assert len(lab.cloud.log) == 0


def test_throttling_is_waited_out_and_at_last_told(lab: Lab) -> None:
    clock = HandClock()
    aws = session(lab, patience_s=3.0, clock=clock.now, sleep=clock.sleep)
    lab.cloud.faults.throttle("CreateVpc", 3)
    assert network.create_vpc(aws, "10.20.0.0/16", TAGS).id
    lab.cloud.faults.throttle("CreateVpc", 1000)
    began = clock.now()
    assert kind_of(network.create_vpc, aws, "10.21.0.0/16", TAGS) is ErrorKind.THROTTLED
    assert 0 < clock.now() - began <= 3.0


def test_read_lag_is_waited_out_for_what_was_just_made_only(make_lab: Callable[..., Lab]) -> None:
    clock = HandClock()
    lab = make_lab(AwsTimings(0, 0, 0, 0, (0.5, 0.5), 0, 0), clock=clock)
    ours: Any = {"clock": clock.now, "sleep": clock.sleep}
    aws = session(lab, **ours)
    vpc = network.create_vpc(aws, "10.20.0.0/16", TAGS)
    assert network.create_subnet(aws, vpc.id, "us-east-1a", "10.20.1.0/24", TAGS).vpc == vpc.id
    assert kind_of(network.delete_vpc, aws, "vpc-00000000000000000") is ErrorKind.NOT_FOUND
    assert len(lab.cloud.log.of("DeleteVpc")) == 1, "what never was is not waited for"
    fresh = network.create_vpc(aws, "10.30.0.0/16", TAGS)
    stranger = session(lab, **ours)
    assert kind_of(network.delete_vpc, stranger, fresh.id) is ErrorKind.NOT_FOUND
    stranger.expect(fresh.id)
    network.delete_vpc(stranger, fresh.id)


def test_just_after_the_clocks_zero_nothing_counts_as_just_made(lab: Lab) -> None:
    """The monotonic clock of a machine that has just been switched on is below every wait for a lag."""
    aws = session(lab, clock=HandClock(1.0).now)
    assert kind_of(network.delete_vpc, aws, "vpc-00000000000000000") is ErrorKind.NOT_FOUND


def test_a_lag_that_lasts_is_called_lagging(make_lab: Callable[..., Lab]) -> None:
    clock = HandClock()
    lab = make_lab(AwsTimings(0, 0, 0, 0, (60, 60), 0, 0), clock=clock)
    aws = session(lab, settle_s=30.0, clock=clock.now, sleep=clock.sleep)
    vpc = network.create_vpc(aws, "10.20.0.0/16", TAGS)
    assert kind_of(network.delete_vpc, aws, vpc.id) is ErrorKind.LAGGING


def test_natural_keys_are_told_as_exists(lab: Lab) -> None:
    aws = session(lab)
    vpc, _, group = prepared(aws)
    rule = network.GroupRule("udp", 51820, 51820, ("0.0.0.0/0",), "KubeSpan")
    network.authorize(aws, group, rule)
    assert kind_of(network.authorize, aws, group, rule) is ErrorKind.EXISTS
    assert kind_of(network.create_security_group, aws, vpc.id, "cp", "d", TAGS) is ErrorKind.EXISTS
    assert kind_of(network.create_subnet, aws, vpc.id, "us-east-1b", "10.20.1.0/24", TAGS) is ErrorKind.EXISTS
    keys.create_role(aws, "ref-cp", TAGS)
    assert kind_of(keys.create_role, aws, "ref-cp", TAGS) is ErrorKind.EXISTS


def test_permission_is_asked_without_doing(lab: Lab) -> None:
    aws = session(lab)
    assert aws.allowed("ec2", "create_vpc", CidrBlock="10.20.0.0/16")
    lab.cloud.faults.deny("CreateVpc")
    assert not aws.allowed("ec2", "create_vpc", CidrBlock="10.20.0.0/16")
    assert lab.cloud.log.committed("CreateVpc") == []


def test_an_instance_that_cannot_become_running_fails_at_once_with_the_reason(
    make_lab: Callable[..., Lab],
) -> None:
    lab = make_lab(AwsTimings(600, 0, 0, 600, (0, 0), 0, 0))
    net = lab.net()
    instance = lab.launch(net)
    lab.ec2.terminate_instances(InstanceIds=[instance])
    with pytest.raises(compute.StateNotReached, match=r"shutting-down.*UserInitiatedShutdown"):
        compute.wait_for_state(session(lab), instance, "running", timeout_s=600)
    assert len(lab.cloud.log.of("DescribeInstances")) == 1


def test_health_shows_an_impaired_machine(lab: Lab) -> None:
    aws, instance = session(lab), lab.launch(lab.net())
    compute.wait_for_state(aws, instance, "running", timeout_s=120, poll_s=0.02)
    lab.cloud.impair(instance)
    assert [(h.id, h.instance) for h in compute.health(aws, [instance])] == [(instance, "impaired")]


def test_addresses_are_kept_apart_from_machines(lab: Lab) -> None:
    aws, net = session(lab), lab.net()
    gateway = network.create_internet_gateway(aws, TAGS)
    network.attach_internet_gateway(aws, gateway.id, net.vpc)
    instance = lab.launch(net)
    compute.wait_for_state(aws, instance, "running", timeout_s=120, poll_s=0.02)
    address = network.allocate_address(aws, TAGS)
    association = network.associate_address(aws, address.id, instance)
    assert network.associate_address(aws, address.id, instance) == association
    assert kind_of(network.release_address, aws, address.id) is ErrorKind.EXISTS
    network.disassociate_address(aws, association)
    network.release_address(aws, address.id)
    assert sweep.find_by_tag(aws, "elastic-ip", TAGS) == []


def test_user_data_is_a_secret_and_never_in_an_error(lab: Lab) -> None:
    aws = session(lab)
    _, subnet, group = prepared(aws)
    spec = compute.LaunchSpec(compute.talos_image(aws, "v1.13.9").id, "m6i.large", (group,))
    secret = Secret(b"canary-5f1", name="machine config")
    launch = {
        "spec": spec,
        "subnet": subnet.id,
        "private_ip": "10.20.1.11",
        "tags": TAGS,
        "user_data": secret,
    }
    made = compute.run_instance(aws, token="cp-1", **launch)
    assert compute.user_data(aws, made.id).reveal() == b"canary-5f1"
    with pytest.raises(AwsError) as caught:
        template = {"LaunchTemplateName": "t", "LaunchTemplateData": {"UserData": {"canary-5f1": 1}}}
        aws.call("ec2", "create_launch_template", ClientToken="x", **template)
    assert "canary" not in str(caught.value) and caught.value.kind is ErrorKind.INVALID
    with pytest.raises(ValueError, match="16384"):
        compute.run_instance(aws, token="cp-2", **{**launch, "user_data": b"x" * 16385})


def test_the_embedded_cloud_never_sees_real_credentials_or_proxies(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id=REALFILE\naws_secret_access_key=s\n")
    for name, value in {
        "AWS_ACCESS_KEY_ID": "REALENV",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_SESSION_TOKEN": "t",
        "AWS_PROFILE": "absent",
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "NO_PROXY": "",
    }.items():
        monkeypatch.setenv(name, value)
    aws = session(lab)
    assert aws.identity().emulated
    assert {entry.access_key for entry in lab.cloud.log} == {lab.cloud.credentials.access_key}


@pytest.mark.parametrize(
    "url", ["http://10.20.1.11:5000", "https://ec2.us-east-1.amazonaws.com", "http://example.org"]
)
def test_an_endpoint_off_this_machine_is_refused(url: str) -> None:
    with pytest.raises(NotLoopback, match="not on this machine"):
        AwsSession("us-east-1", endpoint_url=url)


def test_nobody_at_the_endpoint_is_unreachable_not_unknown() -> None:
    aws = AwsSession("us-east-1", endpoint_url="http://127.0.0.1:1")
    assert kind_of(network.create_vpc, aws, "10.20.0.0/16", TAGS) is ErrorKind.UNREACHABLE


def test_the_journal_hears_every_call_with_its_request_id(lab: Lab) -> None:
    heard: list[Exchange] = []
    aws = session(lab, on_call=heard.append)
    vpc = network.create_vpc(aws, "10.20.0.0/16", TAGS)
    network.create_route_table(aws, vpc.id, TAGS, token="table")
    lab.cloud.faults.deny("DeleteVpc")
    assert kind_of(network.delete_vpc, aws, vpc.id) is ErrorKind.DENIED
    told = [(e.operation, e.token, e.code) for e in heard]
    assert told == [
        ("ec2.create_vpc", None, "ok"),
        ("ec2.create_route_table", "table", "ok"),
        ("ec2.delete_vpc", None, "UnauthorizedOperation"),
    ]
    assert [e.request_id for e in heard] == [entry.request_id for entry in lab.cloud.log]


def test_the_talos_image_is_found_by_its_exact_name_or_not_at_all(lab: Lab) -> None:
    aws = session(lab)
    assert compute.talos_image(aws, "v1.13.9", "arm64").architecture == "arm64"
    assert kind_of(compute.talos_image, aws, "v1.13.8") is ErrorKind.NOT_FOUND


def test_a_key_goes_only_when_that_key_was_approved(lab: Lab) -> None:
    aws = session(lab)
    key = keys.create_key(aws, "Vault unseal", TAGS)
    with pytest.raises(ValueError, match="not approved"):
        keys.schedule_key_deletion(aws, key.id, days=7, approved_key="another")
    assert [k.state for k in keys.keys_tagged(aws, TAGS)] == ["Enabled"]


@pytest.mark.parametrize(
    ("code", "message", "status", "kind"),
    [
        ("RequestLimitExceeded", "", 503, ErrorKind.THROTTLED),
        ("Throttling", "", 400, ErrorKind.THROTTLED),
        ("InternalError", "", 500, ErrorKind.UNKNOWN_OUTCOME),
        ("SomethingNew", "", 502, ErrorKind.UNKNOWN_OUTCOME),
        ("InsufficientInstanceCapacity", "", 500, ErrorKind.CAPACITY),
        ("VcpuLimitExceeded", "", 400, ErrorKind.QUOTA),
        ("IncorrectInstanceState", "", 400, ErrorKind.NOT_READY),
        ("DependencyViolation", "", 400, ErrorKind.DEPENDENCY),
        ("DeleteConflict", "", 409, ErrorKind.DEPENDENCY),
        ("OperationNotPermitted", "", 400, ErrorKind.PROTECTED),
        ("ExpiredToken", "", 400, ErrorKind.DENIED),
        ("InvalidVpcID.NotFound", "", 400, ErrorKind.NOT_FOUND),
        ("InvalidParameterValue", "Invalid IAM Instance Profile name", 400, ErrorKind.LAGGING),
        ("InvalidParameterValue", "something else", 400, ErrorKind.INVALID),
        ("IdempotentInstanceTerminated", "", 400, ErrorKind.TOKEN_SPENT),
    ],
)
def test_error_codes_are_sorted_by_reaction(code: str, message: str, status: int, kind: ErrorKind) -> None:
    assert classify(code, message, status) is kind


def test_importing_the_client_loads_no_boto3() -> None:
    import subprocess

    program = (
        "import sys, meshlab.live.aws.session, meshlab.live.aws.network, meshlab.live.aws.compute, "
        "meshlab.live.aws.keys, meshlab.live.aws.sweep; sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
