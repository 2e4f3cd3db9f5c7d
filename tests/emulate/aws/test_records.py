"""The request log, CloudTrail, tags, quotas, images, zones and load balancers."""

from __future__ import annotations

import json
from collections.abc import Callable

from awslab import Lab, refused

from meshlab.emulate.aws.settings import AwsTimings


def test_cloudtrail_tells_who_did_what_without_user_data(lab: Lab) -> None:
    net = lab.net()
    instance = lab.launch(net, UserData="cluster-key-canary", ClientToken="run-1")
    trail = lab.client("cloudtrail")
    by_name = [{"AttributeKey": "EventName", "AttributeValue": "RunInstances"}]
    event = trail.lookup_events(LookupAttributes=by_name)["Events"][0]
    record = json.loads(event["CloudTrailEvent"])
    entry = lab.cloud.log.of("RunInstances")[0]
    assert record["requestID"] == entry.request_id
    assert record["requestParameters"]["ClientToken"] == entry.token == "run-1"
    assert record["readOnly"] is False
    assert instance in [resource["ResourceName"] for resource in event["Resources"]]
    everything = json.dumps([event, record, [e.__dict__ for e in lab.cloud.log]], default=str)
    assert "cluster-key-canary" not in everything
    assert "Y2x1c3Rlci1rZXktY2FuYXJ5" not in everything, "nor in base64"


def test_cloudtrail_tells_errors_and_pages_newest_first(lab: Lab) -> None:
    for _ in range(3):
        refused(lab.ec2.create_vpc, CidrBlock="10.96.0.0/16")
    trail = lab.client("cloudtrail")
    first = trail.lookup_events(MaxResults=2)
    rest = trail.lookup_events(MaxResults=50, NextToken=first["NextToken"])
    names = [e["EventName"] for e in first["Events"]]
    assert names == ["CreateVpc", "CreateVpc"]
    assert json.loads(first["Events"][0]["CloudTrailEvent"])["errorCode"] == "InvalidVpc.Range"
    assert "CreateVpc" in [e["EventName"] for e in rest["Events"]]


def test_cloudtrail_is_late(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(AwsTimings(0, 0, 0, 0, (0, 0), 0, 60))
    lab.ec2.create_vpc(CidrBlock="10.20.0.0/16")
    assert lab.client("cloudtrail").lookup_events()["Events"] == []


def test_boto3_sees_the_request_id_that_the_log_holds(lab: Lab) -> None:
    answer = lab.ec2.create_vpc(CidrBlock="10.20.0.0/16")
    assert answer["ResponseMetadata"]["RequestId"] == lab.cloud.log.of("CreateVpc")[0].request_id
    key = lab.client("kms").create_key()
    assert key["ResponseMetadata"]["RequestId"] == lab.cloud.log.of("CreateKey")[0].request_id


def test_every_kind_of_tagged_object_is_in_the_tagging_api_until_it_is_deleted(lab: Lab) -> None:
    ec2, tagging = lab.ec2, lab.client("resourcegroupstaggingapi")
    net = lab.net()
    ec2.create_tags(Resources=[net.vpc, net.subnet, net.group], Tags=[{"Key": "cluster", "Value": "ref"}])

    def kinds() -> list[str]:
        rows = tagging.get_resources(TagFilters=[{"Key": "cluster", "Values": ["ref"]}])[
            "ResourceTagMappingList"
        ]
        return sorted(row["ResourceARN"].split(":")[5].split("/")[0] for row in rows)

    assert kinds() == ["security-group", "subnet", "vpc"]
    ec2.delete_subnet(SubnetId=net.subnet)
    assert kinds() == ["security-group", "vpc"]


def test_talos_images_of_both_processors_are_published_by_their_vendor(lab: Lab) -> None:
    images = lab.ec2.describe_images(Owners=["540036508848"])["Images"]
    assert sorted((i["Name"], i["Architecture"]) for i in images) == [
        ("talos-v1.13.9-us-east-1-amd64", "x86_64"),
        ("talos-v1.13.9-us-east-1-arm64", "arm64"),
    ]


def test_zones_have_ids_and_the_vcpu_quota_is_known(lab: Lab) -> None:
    zones = lab.ec2.describe_availability_zones()["AvailabilityZones"]
    assert {"us-east-1a", "us-east-1b", "us-east-1c"} <= {zone["ZoneName"] for zone in zones}
    assert all(zone["ZoneId"].startswith("use1-az") for zone in zones)
    quotas = lab.client("service-quotas")
    assert quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-1216C47A")["Quota"]["Value"] == 64
    unknown = {"ServiceCode": "ec2", "QuotaCode": "L-00000000"}
    assert refused(quotas.get_service_quota, **unknown) == "NoSuchResourceException"


def test_the_same_load_balancer_is_made_once_and_another_is_refused(lab: Lab) -> None:
    net, elb = lab.net(), lab.client("elbv2")
    wanted = {"Name": "api", "Type": "network", "Scheme": "internal", "Subnets": [net.subnet]}
    first, second = (
        elb.create_load_balancer(**wanted)["LoadBalancers"][0]["LoadBalancerArn"] for _ in range(2)
    )
    assert first == second
    other = {**wanted, "Scheme": "internet-facing"}
    assert refused(elb.create_load_balancer, **other) == "DuplicateLoadBalancerName"


def test_the_same_target_group_is_made_once_and_another_is_refused(lab: Lab) -> None:
    net, elb = lab.net(), lab.client("elbv2")
    wanted = {"Name": "api", "Protocol": "TCP", "Port": 6443, "VpcId": net.vpc, "TargetType": "ip"}
    first, second = (elb.create_target_group(**wanted)["TargetGroups"][0]["TargetGroupArn"] for _ in range(2))
    assert first == second
    assert refused(elb.create_target_group, **{**wanted, "Port": 443}) == "DuplicateTargetGroupName"
