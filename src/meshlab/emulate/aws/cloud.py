"""The emulated cloud: an HTTP endpoint for ordinary boto3, strict rules, and moto behind them.

A request goes through: its signature → injected faults → read lag → DryRun → client token → the rules of its
operation → moto (or the layer's own answer) → faults of the reply → the log.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshlab.emulate.aws import launch, quotas, signature, tagging, wire
from meshlab.emulate.aws.faults import Faults, LostReply
from meshlab.emulate.aws.instances import Instances, PowerHooks
from meshlab.emulate.aws.log import RequestLog
from meshlab.emulate.aws.moto.backend import MotoBackend
from meshlab.emulate.aws.rules.balancers import same_load_balancer, same_target_group
from meshlab.emulate.aws.rules.launch import LAUNCH_RULES, zone_of
from meshlab.emulate.aws.rules.network import NETWORK_RULES, same_association
from meshlab.emulate.aws.rules.world import World
from meshlab.emulate.aws.settings import AwsSettings
from meshlab.emulate.aws.tokens import TokenBook, digest
from meshlab.emulate.aws.visibility import Visibility, ids
from meshlab.emulate.aws.wire import AwsFault, Call, Reply
from meshlab.emulate.network.sockets import listening
from meshlab.live.aws.credentials import Credentials

if TYPE_CHECKING:
    from aiohttp import web

    from meshlab.emulate.processes.processes import ProcessTable

_LOG = logging.getLogger(__name__)
_EC2_RULES = {**NETWORK_RULES, **LAUNCH_RULES}


class AwsCloud:
    """One emulated AWS account in one region.

    Parameters
    ----------
    settings
        Region, images, quotas, timings.
    hooks
        Who is called when an instance's power changes.
    backend
        A running moto to stand before; None starts one of its own and ends it with the cloud.
    processes
        The table that starts moto (only without ``backend``).
    credentials
        The access key that calls are signed with; None makes a new one.
    state_dir
        Where moto's log and the request log are kept; None keeps nothing.
    clock, sleep
        Monotonic seconds, and how to wait for some: what takes time here takes it by these two.

    Attributes
    ----------
    faults
        What is to go wrong.
    log
        Every request that came in.
    """

    def __init__(
        self,
        settings: AwsSettings | None = None,
        *,
        hooks: PowerHooks | None = None,
        backend: MotoBackend | None = None,
        processes: ProcessTable | None = None,
        state_dir: Path | None = None,
        credentials: Credentials | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.credentials = credentials or signature.new_credentials()
        self.settings = settings or AwsSettings()
        self.hooks = hooks or PowerHooks()
        self.faults = Faults()
        self.log = RequestLog(state_dir / "aws-requests.jsonl" if state_dir else None)
        self._given_backend = backend
        self._backend = backend or MotoBackend(
            region=self.settings.region,
            talos_versions=self.settings.talos_versions,
            processes=processes,
            state_dir=state_dir,
        )
        self._instances = Instances(self._backend, self.settings.timings, self.hooks, clock, sleep)
        self._clock = clock
        self._tokens = TokenBook()
        self._runner: web.AppRunner | None = None
        self._own: dict[tuple[str, str], Callable[[Call], Awaitable[Reply]]] = {
            ("ec2", "RunInstances"): self._run_instances,
            ("ec2", "DescribeInstances"): self._describe_instances,
            ("ec2", "DescribeInstanceStatus"): self._describe_instance_status,
            ("ec2", "StartInstances"): self._power,
            ("ec2", "StopInstances"): self._power,
            ("ec2", "TerminateInstances"): self._power,
            ("ec2", "RebootInstances"): self._power,
            ("cloudtrail", "LookupEvents"): self._lookup_events,
            ("service-quotas", "GetServiceQuota"): self._quota,
            ("service-quotas", "ListServiceQuotas"): self._quota,
            ("resourcegroupstaggingapi", "GetResources"): self._get_resources,
            ("ec2", "AssociateAddress"): self._once,
            ("elbv2", "CreateLoadBalancer"): self._once,
            ("elbv2", "CreateTargetGroup"): self._once,
        }
        self.endpoint = ""
        self._hosts: tuple[str, ...] = ()

    @property
    def instances(self) -> Instances:
        """The instances and their states."""
        return self._instances

    async def start(self) -> None:
        """Starts moto if need be, and serves on a free port of 127.0.0.1; the URL is in ``endpoint``."""
        from aiohttp import web

        if self._given_backend is None:
            await self._backend.start()
        timings = self.settings.timings
        self._world = World(self.settings, self._backend, self._instances, self.faults, self._clock)
        self._visibility = Visibility(self._clock, timings.read_lag_s, self.settings.seed)
        self._turn = asyncio.Lock()
        application = web.Application(client_max_size=16 * 2**20)
        application.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.SockSite(self._runner, listening("127.0.0.1", 0))
        await site.start()
        port = self._runner.addresses[0][1]
        self._hosts = (f"127.0.0.1:{port}", f"localhost:{port}")
        self.endpoint = f"http://{self._hosts[0]}"

    async def stop(self) -> None:
        """Ends everything that was started."""
        await self._instances.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._given_backend is None:
            await self._backend.stop()

    def fail_zone(self, zone: str) -> list[str]:
        """Takes a zone down: its instances' status checks fail and it has no capacity.

        Gives the instances in it.
        """
        self._instances.impaired_zones.add(zone)
        self.faults.insufficient_capacity(zone)
        alive = ("pending", "running", "stopping", "stopped")
        return [
            i.id for i in self._instances.all() if i.zone == zone and self._instances.state(i.id) in alive
        ]

    def restore_zone(self, zone: str) -> None:
        """Takes back :meth:`fail_zone`."""
        self._instances.impaired_zones.discard(zone)
        self.faults.enough_capacity(zone)

    def impair(self, instance_id: str, impaired: bool = True) -> None:
        """Makes the status checks of one instance fail, or pass again."""
        self._instances.impair(instance_id, impaired)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        refused = self._from_a_page(request)
        if refused:
            return web.Response(status=403, text=refused)
        call: Call | None = None
        try:
            call = wire.addressed(request.method, request.raw_path, request.headers, await request.read())
            query = request.rel_url.raw_query_string
            signature.check(call, query, self.credentials, datetime.now(UTC))
            wire.read(call, query)
            reply = await self._answer(call)
        except LostReply:
            # Closing the socket is what the client of a broken connection sees.
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        except AwsFault as fault:
            reply = wire.write_error(call, fault)
        except Exception:
            _LOG.exception("the layer failed on %s", call.operation if call else request.path)
            reply = wire.write_error(
                call, AwsFault("InternalError", "The emulated cloud failed; see its log", 500)
            )
        return web.Response(status=reply.status, headers=reply.headers, body=reply.body)

    def _from_a_page(self, request: web.Request) -> str:
        """Says why a request is no program's: a web page's, or for a name that leads here; empty if it is one's."""
        if request.host not in self._hosts:
            return f"this is no endpoint of {request.host}"
        if "Origin" in request.headers or "Sec-Fetch-Mode" in request.headers:
            return "web pages may not call this endpoint"
        return "" if request.path == "/" else "there is nothing at this path"

    async def _answer(self, call: Call) -> Reply:
        committed = False
        resources: tuple[str, ...] = ()
        try:
            self.faults.before(call)
            self._visibility.check(call)
            if call.dry_run and wire.has_dry_run(call.service, call.operation):
                raise AwsFault(
                    "DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412
                )
            if call.mutating:
                async with self._turn:
                    reply, committed = await self._change(call)
            else:
                reply = await self._read(call)
            fault = wire.error_of(call, reply)
            if fault is not None:
                raise fault
            if call.mutating:
                resources = tuple(dict.fromkeys(ids(call.params) + ids(wire.parse_reply(call, reply))))
            self.faults.after(call)
        except AwsFault as fault:
            self.log.add(call, fault.code, message=fault.message, committed=committed, resources=resources)
            raise
        except LostReply:
            self.log.add(call, "lost-reply", committed=committed, resources=resources)
            raise
        except Exception as error:
            self.log.add(call, "InternalError", message=type(error).__name__, committed=committed)
            raise
        self.log.add(call, "ok", committed=committed, resources=resources)
        return wire.stamp(call, reply)

    async def _read(self, call: Call) -> Reply:
        own = self._own.get((call.service, call.operation))
        if own is not None:
            return await own(call)
        reply = await self._backend.send(call)
        if call.service == "ec2" and self._visibility.lists(call.operation) and reply.status < 300:
            result = wire.parse_reply(call, reply)
            if self._visibility.leave_out(call.operation, result):
                return wire.write_result(call, result)
        return reply

    async def _change(self, call: Call) -> tuple[Reply, bool]:
        """Carries a mutating call out, once per token; says whether anything was committed."""
        fingerprint, scope = digest(call), call.region
        if (call.service, call.operation) == ("ec2", "RunInstances"):
            await launch.merge_template(call, self._world)
            scope = await zone_of(call, self._world) or call.region
        bound = self._tokens.lookup(call, scope, fingerprint)
        if bound is not None:
            return wire.write_result(call, self._repeated(call, bound.result)), False
        if call.service == "ec2":
            for rule in _EC2_RULES.get(call.operation, ()):
                await rule(call, self._world)
        own = self._own.get((call.service, call.operation))
        reply = await (own(call) if own is not None else self._backend.send(call))
        if wire.error_of(call, reply) is not None:
            return reply, False
        result = wire.parse_reply(call, reply)
        self._tokens.bind(call, scope, fingerprint, result)
        self._note(call, result)
        return reply, True

    def _repeated(self, call: Call, result: dict[str, Any]) -> dict[str, Any]:
        """The first result again; for RunInstances with the states of now."""
        if call.operation != "RunInstances":
            return result
        for row in result["Instances"]:
            if self._instances.state(row["InstanceId"]) == "terminated":
                raise AwsFault(
                    "IdempotentInstanceTerminated",
                    f"The instance {row['InstanceId']} that this client token launched has been terminated.",
                )
        return {**result, "Instances": [self._instances.amend(dict(row)) for row in result["Instances"]]}

    def _note(self, call: Call, result: dict[str, Any]) -> None:
        """Remembers what later calls depend on: new objects, and since when EC2 knows an instance profile."""
        if call.service == "ec2" and call.operation.startswith(("Create", "RunInstances", "Allocate")):
            named = set(ids(call.params))
            self._visibility.created([object_id for object_id in ids(result) if object_id not in named])
        if call.service == "ec2" and call.operation == "CreateTags":
            tags = {tag["Key"]: tag["Value"] for tag in call.params.get("Tags", [])}
            for resource in call.params.get("Resources", []):
                if resource in self._instances:
                    self._instances.retag(resource, tags)
        if call.service == "iam" and call.operation in ("CreateInstanceProfile", "AddRoleToInstanceProfile"):
            known_from = self._world.clock() + self.settings.timings.profile_lag_s
            self._world.profile_known_from[call.params["InstanceProfileName"]] = known_from

    async def _run_instances(self, call: Call) -> Reply:
        return await launch.launch(call, self._world)

    async def _describe_instances(self, call: Call) -> Reply:
        return await launch.describe(call, self._world, self._visibility.hidden)

    async def _describe_instance_status(self, call: Call) -> Reply:
        return wire.write_result(call, self._instances.statuses(call.params))

    async def _power(self, call: Call) -> Reply:
        wanted = list(call.params.get("InstanceIds", []))
        if call.operation == "RebootInstances":
            await self._instances.reboot(wanted)
            return wire.write_result(call, {})
        change, key = {
            "StartInstances": (self._instances.start, "StartingInstances"),
            "StopInstances": (self._instances.stop, "StoppingInstances"),
            "TerminateInstances": (self._instances.terminate, "TerminatingInstances"),
        }[call.operation]
        return wire.write_result(call, {key: change(wanted)})

    async def _lookup_events(self, call: Call) -> Reply:
        return wire.write_result(
            call, self.log.lookup_events(call.params, lag_s=self.settings.timings.trail_lag_s)
        )

    async def _quota(self, call: Call) -> Reply:
        answer = (
            quotas.get_service_quota if call.operation == "GetServiceQuota" else quotas.list_service_quotas
        )
        result = answer(call.params, self.settings)
        return wire.write_result(call, result) if result is not None else await self._backend.send(call)

    async def _get_resources(self, call: Call) -> Reply:
        result = await tagging.get_resources(call.params, self._world, self._visibility.hidden)
        return wire.write_result(call, result)

    async def _once(self, call: Call) -> Reply:
        """Calls that are idempotent by nature: what is there already is the answer."""
        existing = {
            "AssociateAddress": same_association,
            "CreateLoadBalancer": same_load_balancer,
            "CreateTargetGroup": same_target_group,
        }[call.operation]
        result = await existing(call, self._world)
        return wire.write_result(call, result) if result is not None else await self._backend.send(call)
