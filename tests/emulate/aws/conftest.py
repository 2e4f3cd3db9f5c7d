"""One moto for the whole package; for each test a fresh cloud before it, driven by ordinary boto3 over loopback."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from meshlab.emulate.aws.backend import MotoBackend
from meshlab.emulate.aws.cloud import AwsCloud
from meshlab.emulate.aws.instances import PowerHooks
from meshlab.emulate.aws.settings import INSTANT, AwsSettings

T = TypeVar("T")


class Loop:
    """An event loop in a thread, as the supervisor's is in its process."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(90)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


def client(endpoint: str, name: str, attempts: int = 1) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(retries={"total_max_attempts": attempts, "mode": "standard"}, proxies={"no": "proxy"})
    return boto3.client(
        name,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="meshlab",
        aws_secret_access_key="meshlab",
        config=config,
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


@dataclass
class Lab:
    """A cloud under test and the clients to it."""

    cloud: AwsCloud
    run: Callable[[Coroutine[Any, Any, Any]], Any]

    def client(self, name: str, attempts: int = 1) -> Any:
        return client(self.cloud.endpoint, name, attempts)

    @property
    def ec2(self) -> Any:
        return self.client("ec2")


@pytest.fixture
def make_lab(loop: Loop, moto: MotoBackend) -> Iterator[Callable[..., Lab]]:
    clouds: list[AwsCloud] = []

    def make(timings: Any = INSTANT, hooks: PowerHooks | None = None, **settings: Any) -> Lab:
        loop.run(moto.reset())
        cloud = AwsCloud(AwsSettings(timings=timings, **settings), hooks=hooks, backend=moto)
        loop.run(cloud.start())
        clouds.append(cloud)
        return Lab(cloud, loop.run)

    yield make
    for cloud in clouds:
        loop.run(cloud.stop())


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Lab:
    """A cloud in which nothing takes time."""
    return make_lab()
