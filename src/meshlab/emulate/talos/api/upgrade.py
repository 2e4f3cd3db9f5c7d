"""Upgrade of an emulated machine as Talos 1.13 does it: pull, install beside, reboot (facts: §1.4, §5.4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from meshlab.emulate.talos.api.faults import Fault
from meshlab.emulate.talos.api.tls import Caller
from meshlab.live._generated import lifecycle_pb2

if TYPE_CHECKING:
    from meshlab.emulate.talos.site import Host

pb: Any = lifecycle_pb2


def version_of(image: str) -> str:
    """Give the Talos version in an installer image's tag.

    Raises
    ------
    Fault
        There is none.
    """
    tag = image.rpartition(":")[2].partition("@")[0]
    if not (tag.startswith("v") and tag[1:2].isdigit()):
        raise Fault("INVALID_ARGUMENT", f"image {image!r} has no version tag such as :v1.13.9")
    return tag


class ImageCalls:
    """``machine.ImageService``: images are names only."""

    def __init__(self, machine: Host) -> None:
        self._machine = machine
        self._images: set[str] = set()

    async def Pull(self, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """Pull an image."""
        if not request.image_ref:
            raise Fault("INVALID_ARGUMENT", "image reference is missing")
        self._images.add(request.image_ref)
        yield pb.ImageServicePullResponse(name=request.image_ref)

    async def List(self, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """List what was pulled."""
        for name in sorted(self._images):
            yield pb.ImageServiceListResponse(name=name)


class LifecycleCalls:
    """``machine.LifecycleService``: it looks at no quorum and takes no mutex; that is the caller's part."""

    def __init__(self, machine: Host) -> None:
        self._machine = machine

    async def Upgrade(self, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """Write another image beside the booted one."""
        machine = self._machine
        if not request.source.image_name:
            raise Fault("INVALID_ARGUMENT", "image name is missing")
        if not machine.installed:
            raise Fault("FAILED_PRECONDITION", "the machine is not installed")
        if machine.busy is not None:
            raise Fault("FAILED_PRECONDITION", f"the machine is busy: {machine.busy}")
        version = version_of(request.source.image_name)
        yield self._progress(message=f"installing {request.source.image_name}")
        await asyncio.sleep(machine.site.timings.install_s)
        machine.stage_image(version)
        yield self._progress(exit_code=0)

    @staticmethod
    def _progress(**fields: Any) -> Any:
        return pb.LifecycleServiceUpgradeResponse(progress=fields)
