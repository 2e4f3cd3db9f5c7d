"""What is in use is not deleted: each rule refuses, and lets pass once nothing is in the way."""

from __future__ import annotations

import pytest
from awslab import Lab, refused


def _gateway(lab: Lab, vpc: str) -> str:
    gateway = str(lab.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"])
    lab.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    return gateway


@pytest.mark.parametrize(
    "cidr", ["10.244.0.0/16", "10.96.0.0/16", "10.100.0.0/16", "127.0.0.0/16", "169.254.0.0/16", "10.0.0.0/8"]
)
def test_a_vpc_range_that_cannot_work_is_refused(lab: Lab, cidr: str) -> None:
    assert refused(lab.ec2.create_vpc, CidrBlock=cidr) == "InvalidVpc.Range"


def test_an_ordinary_vpc_range_is_taken(lab: Lab) -> None:
    assert lab.ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["State"] in ("pending", "available")


def test_subnet_and_group_stay_until_the_instance_is_gone(lab: Lab) -> None:
    net, ec2 = lab.net(), lab.ec2
    instance = lab.launch(net)
    assert refused(ec2.delete_subnet, SubnetId=net.subnet) == "DependencyViolation"
    assert refused(ec2.delete_security_group, GroupId=net.group) == "DependencyViolation"
    lab.end(instance)
    ec2.delete_security_group(GroupId=net.group)
    ec2.delete_subnet(SubnetId=net.subnet)
    ec2.delete_vpc(VpcId=net.vpc)
    assert net.vpc not in [row["VpcId"] for row in ec2.describe_vpcs()["Vpcs"]]


def test_a_group_named_by_another_groups_rule_stays(lab: Lab) -> None:
    net, ec2 = lab.net(), lab.ec2
    other = ec2.create_security_group(GroupName="other", Description="d", VpcId=net.vpc)["GroupId"]
    pairs = [{"GroupId": net.group}]
    rule = {"IpProtocol": "tcp", "FromPort": 6443, "ToPort": 6443, "UserIdGroupPairs": pairs}
    ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=[rule])
    assert refused(ec2.delete_security_group, GroupId=net.group) == "DependencyViolation"
    ec2.revoke_security_group_ingress(GroupId=other, IpPermissions=[rule])
    ec2.delete_security_group(GroupId=net.group)


def test_a_group_named_by_its_own_rule_goes(lab: Lab) -> None:
    net, ec2 = lab.net(), lab.ec2
    rule = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "UserIdGroupPairs": [{"GroupId": net.group}]}
    ec2.authorize_security_group_ingress(GroupId=net.group, IpPermissions=[rule])
    ec2.delete_security_group(GroupId=net.group)


def test_an_attached_gateway_stays(lab: Lab) -> None:
    net, ec2 = lab.net(), lab.ec2
    gateway = _gateway(lab, net.vpc)
    assert refused(ec2.delete_internet_gateway, InternetGatewayId=gateway) == "DependencyViolation"
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=net.vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)


def test_a_gateway_with_mapped_addresses_stays_attached(lab: Lab) -> None:
    net, ec2 = lab.net(), lab.ec2
    gateway = _gateway(lab, net.vpc)
    instance = lab.launch(net)
    lab.until(instance, "running")
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.associate_address(AllocationId=address, InstanceId=instance)
    detach = {"InternetGatewayId": gateway, "VpcId": net.vpc}
    assert refused(ec2.detach_internet_gateway, **detach) == "DependencyViolation"
    assert refused(ec2.release_address, AllocationId=address) == "InvalidIPAddress.InUse"
    lab.end(instance)
    ec2.detach_internet_gateway(**detach)
    ec2.release_address(AllocationId=address)


def test_a_gateway_with_automatic_public_addresses_stays_attached(lab: Lab) -> None:
    net, ec2 = lab.net(), lab.ec2
    gateway = _gateway(lab, net.vpc)
    ec2.modify_subnet_attribute(SubnetId=net.subnet, MapPublicIpOnLaunch={"Value": True})
    instance = lab.launch(net)
    assert lab.until(instance, "running")["PublicIpAddress"]
    detach = {"InternetGatewayId": gateway, "VpcId": net.vpc}
    assert refused(ec2.detach_internet_gateway, **detach) == "DependencyViolation"
    lab.end(instance)
    ec2.detach_internet_gateway(**detach)


def test_an_address_needs_a_gateway_and_an_instance_that_is_not_gone(lab: Lab) -> None:
    net, ec2 = lab.net(), lab.ec2
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    instance = lab.launch(net)
    lab.until(instance, "running")
    wanted = {"AllocationId": address, "InstanceId": instance}
    assert refused(ec2.associate_address, **wanted) == "Gateway.NotAttached"
    _gateway(lab, net.vpc)
    first = ec2.associate_address(**wanted)["AssociationId"]
    assert ec2.associate_address(**wanted)["AssociationId"] == first, "AssociateAddress may be repeated"
    lab.end(instance)
    assert refused(ec2.associate_address, **wanted) == "InvalidInstanceID"


def test_a_route_needs_a_gateway_of_its_own_network(lab: Lab) -> None:
    net, ec2 = lab.net(), lab.ec2
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    table = ec2.create_route_table(VpcId=net.vpc)["RouteTable"]["RouteTableId"]
    route = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway}
    assert refused(ec2.create_route, **route) == "InvalidParameterValue"
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=net.vpc)
    ec2.create_route(**route)
    assert refused(ec2.create_route, **route) == "RouteAlreadyExists"


def test_an_associated_route_table_stays(lab: Lab) -> None:
    net, ec2 = lab.net(), lab.ec2
    table = ec2.create_route_table(VpcId=net.vpc)["RouteTable"]["RouteTableId"]
    association = ec2.associate_route_table(RouteTableId=table, SubnetId=net.subnet)["AssociationId"]
    assert refused(ec2.delete_route_table, RouteTableId=table) == "DependencyViolation"
    ec2.disassociate_route_table(AssociationId=association)
    ec2.delete_route_table(RouteTableId=table)


def test_a_vpc_with_anything_in_it_stays(lab: Lab) -> None:
    net, ec2 = lab.net(), lab.ec2
    assert refused(ec2.delete_vpc, VpcId=net.vpc) == "DependencyViolation"
    ec2.delete_subnet(SubnetId=net.subnet)
    assert refused(ec2.delete_vpc, VpcId=net.vpc) == "DependencyViolation"
    ec2.delete_security_group(GroupId=net.group)
    gateway = _gateway(lab, net.vpc)
    assert refused(ec2.delete_vpc, VpcId=net.vpc) == "DependencyViolation"
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=net.vpc)
    ec2.delete_vpc(VpcId=net.vpc)


def test_an_interface_in_use_stays(lab: Lab) -> None:
    net, ec2 = lab.net(), lab.ec2
    instance = lab.launch(net)
    held = lab.until(instance, "running")["NetworkInterfaces"][0]["NetworkInterfaceId"]
    assert refused(ec2.delete_network_interface, NetworkInterfaceId=held) == "InvalidNetworkInterface.InUse"
    free = ec2.create_network_interface(SubnetId=net.subnet)["NetworkInterface"]["NetworkInterfaceId"]
    ec2.delete_network_interface(NetworkInterfaceId=free)


def test_a_volume_goes_to_its_own_zone_and_stays_while_attached(lab: Lab) -> None:
    net, ec2 = lab.net(), lab.ec2
    instance = lab.launch(net)
    far, near = (ec2.create_volume(AvailabilityZone=f"us-east-1{z}", Size=1)["VolumeId"] for z in "ba")
    attach = {"InstanceId": instance, "Device": "/dev/sdf"}
    assert refused(ec2.attach_volume, VolumeId=far, **attach) == "InvalidVolume.ZoneMismatch"
    ec2.attach_volume(VolumeId=near, **attach)
    assert refused(ec2.delete_volume, VolumeId=near) == "VolumeInUse"
    ec2.delete_volume(VolumeId=far)
