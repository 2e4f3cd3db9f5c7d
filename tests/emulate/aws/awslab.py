"""One moto for the whole package; for each test a fresh cloud before it, driven by ordinary boto3 over loopback."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from meshlab.emulate.aws.cloud import AwsCloud
from meshlab.emulate.aws.images import image_id, talos_image_name
from meshlab.emulate.aws.instances import PowerHooks
from meshlab.emulate.aws.moto.backend import MotoBackend
from meshlab.emulate.aws.settings import INSTANT, AwsSettings
from meshlab.live.aws.credentials import Credentials
from meshlab.live.secret import Secret
from own_time import HandClock

T = TypeVar("T")
ANYBODY = Credentials("AKIAANYBODYANYBODYAN", Secret("guessed"))


class Loop:
    """An event loop in a thread, as the supervisor's is in its process."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(300)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


_BOTO = boto3.Session(region_name="us-east-1")


def client(endpoint: str, name: str, attempts: int = 1, credentials: Credentials = ANYBODY) -> Any:
    config = Config(retries={"total_max_attempts": attempts, "mode": "standard"}, proxies={"none": ""})
    return _BOTO.client(
        name,
        endpoint_url=endpoint,
        config=config,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key.reveal(),
    )


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture(scope="session")
def moto(loop: Loop) -> Iterator[MotoBackend]:
    backend = MotoBackend()
    loop.run(backend.start())
    yield backend
    loop.run(backend.stop())


IMAGE = image_id(talos_image_name("v1.13.9", "us-east-1", "amd64"))
IMAGE_ARM = image_id(talos_image_name("v1.13.9", "us-east-1", "arm64"))


def refused(call: Callable[..., Any], **params: Any) -> str:
    """The error code with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


@dataclass
class Net:
    """A network with one subnet, in us-east-1a, and one security group."""

    vpc: str
    subnet: str
    group: str

    def launch(self, **changes: Any) -> dict[str, Any]:
        """Parameters of a launch into it."""
        params = {
            "ImageId": IMAGE,
            "InstanceType": "m6i.large",
            "MinCount": 1,
            "MaxCount": 1,
            "SubnetId": self.subnet,
            "SecurityGroupIds": [self.group],
            "PrivateIpAddress": "10.20.1.11",
        }
        params.update(changes)
        return {key: value for key, value in params.items() if value is not None}


@dataclass
class Lab:
    """A cloud under test and the clients to it."""

    cloud: AwsCloud
    run: Callable[[Coroutine[Any, Any, Any]], Any]
    clients: dict[tuple[str, int], Any] = field(default_factory=dict)

    def net(self) -> Net:
        ec2 = self.ec2
        vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.1.0/24", AvailabilityZone="us-east-1a")
        group = ec2.create_security_group(GroupName="cp", Description="control plane", VpcId=vpc)
        return Net(vpc, subnet["Subnet"]["SubnetId"], group["GroupId"])

    def launch(self, net: Net, **changes: Any) -> str:
        """Launches an instance and gives its id."""
        return str(self.ec2.run_instances(**net.launch(**changes))["Instances"][0]["InstanceId"])

    def until(self, instance: str, state: str) -> dict[str, Any]:
        """Waits until an instance is in a state."""
        deadline = time.monotonic() + 120
        while True:
            row = self.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
            if row["State"]["Name"] == state:
                return dict(row)
            assert time.monotonic() < deadline, f"{instance} is {row['State']['Name']}, not {state}"
            time.sleep(0.02)

    def end(self, instance: str) -> None:
        """Terminates an instance and waits for the end."""
        self.ec2.terminate_instances(InstanceIds=[instance])
        self.until(instance, "terminated")

    def client(self, name: str, attempts: int = 1) -> Any:
        key = (name, attempts)
        if key not in self.clients:
            self.clients[key] = client(self.cloud.endpoint, name, attempts, self.cloud.credentials)
        return self.clients[key]

    @property
    def ec2(self) -> Any:
        return self.client("ec2")


@pytest.fixture
def make_lab(loop: Loop, moto: MotoBackend) -> Iterator[Callable[..., Lab]]:
    labs: list[Lab] = []

    def make(
        timings: Any = INSTANT,
        hooks: PowerHooks | None = None,
        clock: HandClock | None = None,
        **settings: Any,
    ) -> Lab:
        loop.run(moto.reset())
        by_hand: Any = {} if clock is None else {"clock": clock.now, "sleep": clock.wait}
        cloud = AwsCloud(AwsSettings(timings=timings, **settings), hooks=hooks, backend=moto, **by_hand)
        loop.run(cloud.start())
        labs.append(Lab(cloud, loop.run))
        return labs[-1]

    yield make
    for lab in labs:
        for client in lab.clients.values():
            client.close()
        loop.run(lab.cloud.stop())


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Lab:
    """A cloud in which nothing takes time."""
    return make_lab()
