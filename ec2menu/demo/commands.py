"""SSM Run Command for the demo: sending, listing, reading and cancelling commands.

The actions read requests, keep the accepted commands and page the answers. What a request may hold is in
`command_rules`, what the nodes do in `invocations` and `canned`, the answers' shapes in `command_answers`. Nothing is
ever executed, and nothing happens between two requests: state is worked out when it is read.
"""

import json
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from ec2menu.clock import Clock, SystemClock
from ec2menu.demo import command_rules, strict
from ec2menu.demo.canned import canned_outcome, facts_of
from ec2menu.demo.command_answers import CommandRecord, command_answer, invocation_answer, result_answer
from ec2menu.demo.command_filters import INVOCATION_FILTERS, LIST_FILTERS, check_list, filtered
from ec2menu.demo.command_rules import PLUGIN_OF_DOCUMENT, check_node_id, find_targets, invalid, read_order
from ec2menu.demo.invocations import Behave, CommandRun, Outcome, Target
from ec2menu.demo.strict import SSM, PerRegion, aws_error, paginate, reply

VISIBLE_AFTER_SECONDS = 0.3
MAX_RESULTS = 50


@dataclass(slots=True, kw_only=True)
class Simulation:
    """Run Command of every region: the commands accepted so far and how nodes behave.

    `behave` None means canned replies. `visible_after_seconds` passes between SendCommand and the moment when its
    invocations are known to the service, `listed_after_seconds` until ListCommands shows the command. Set the fields
    to change what follows; a reset of the demo brings a new simulation. Read and change it under `lock`.
    """

    clock: Clock = field(default_factory=SystemClock)
    behave: Behave | None = None
    visible_after_seconds: float = VISIBLE_AFTER_SECONDS
    listed_after_seconds: float = VISIBLE_AFTER_SECONDS
    records: dict[str, CommandRecord] = field(default_factory=dict)
    lock: RLock = field(default_factory=RLock)
    _executions: Counter[str] = field(default_factory=Counter)

    def executions(self) -> Counter[str]:
        """Return how many times a script was started on each node, by node id, up to the present moment."""
        with self.lock:
            self.advance(self.records.values())
            return Counter(self._executions)

    def advance(self, records: Iterable[CommandRecord]) -> float:
        """Bring commands to the present moment and return it."""
        now = self.clock.now()
        for record in records:
            record.run.advance(now)
        return now

    def send(self, order: command_rules.Order, targets: list[Target], *, region: str) -> CommandRecord:
        """Accept a command on `targets`."""
        now, sent = self.clock.now(), self.clock.wall()
        run = CommandRun(
            targets=targets,
            commands=order.commands,
            limits=order.limits(len(targets)),
            behave=self.behave or self._canned(targets),
            sent_at=now,
            on_run=self._count,
        )
        record = CommandRecord(
            id=str(uuid.uuid4()),
            region=region,
            order=order,
            run=run,
            sent=sent,
            visible_at=now + self.visible_after_seconds,
            listed_at=now + self.listed_after_seconds,
        )
        self.records[record.id] = record
        return record

    def newest_first(self, request: Mapping[str, Any], *, region: str) -> list[CommandRecord]:
        """Return the commands of `region` that CommandId, InstanceId and Filters of a list request leave over."""
        command_id, node_id = request.get("CommandId"), request.get("InstanceId")
        found = [
            record
            for record in reversed(self.records.values())
            if record.region == region
            and command_id in (None, record.id)
            and (node_id is None or node_id in record.run.invocations)
        ]
        self.advance(found)
        return found

    def _count(self, node_id: str) -> None:
        self._executions[node_id] += 1

    def _canned(self, targets: list[Target]) -> Behave:
        by_id = {target.id: target for target in targets}

        def behave(node_id: str, commands: tuple[str, ...]) -> Outcome:
            return canned_outcome(facts_of(node_id, target=by_id[node_id], now=self.clock.wall()), commands)

        return behave


_simulations: PerRegion[Simulation] = PerRegion(Simulation)


def simulation() -> Simulation:
    """Return the simulation in force; there is one for all regions, and a reset of the demo replaces it."""
    return _simulations.at("")


def install() -> None:
    """Put the Run Command actions onto moto's SSM; doing it again changes nothing."""
    from moto.ssm.responses import SimpleSystemManagerResponse  # noqa: PLC0415 - moto's responses are slow to import

    strict.install(SimpleSystemManagerResponse, "send_command", send_command)
    strict.install(SimpleSystemManagerResponse, "list_commands", list_commands)
    strict.install(SimpleSystemManagerResponse, "list_command_invocations", list_command_invocations)
    strict.install(SimpleSystemManagerResponse, "get_command_invocation", get_command_invocation)
    strict.install(SimpleSystemManagerResponse, "cancel_command", cancel_command)


def send_command(response: Any) -> Any:
    """Answer SSM SendCommand."""
    order = read_order(_request(response))
    targets = find_targets(order, region=response.region)
    state = simulation()
    with state.lock:
        record = state.send(order, targets, region=response.region)
        return reply({"Command": command_answer(record, details="Pending")})


def list_commands(response: Any) -> Any:
    """Answer SSM ListCommands, newest first."""
    request, state = _request(response), simulation()
    check_list(request, allowed=LIST_FILTERS)
    with state.lock:
        present = state.clock.now()
        records = [each for each in state.newest_first(request, region=response.region) if each.listed_at <= present]
        answers = [command_answer(record) for record in records]
    return _page("Commands", filtered(answers, request), request)


def list_command_invocations(response: Any) -> Any:
    """Answer SSM ListCommandInvocations; a command that is not visible yet has none, without an error."""
    request, state = _request(response), simulation()
    check_list(request, allowed=INVOCATION_FILTERS)
    with_output, node_id = bool(request.get("Details")), request.get("InstanceId")
    with state.lock:
        present = state.clock.now()
        answers = [
            invocation_answer(record, invocation, with_output=with_output)
            for record in state.newest_first(request, region=response.region)
            if record.visible_at <= present
            for invocation in record.run.invocations.values()
            if node_id in (None, invocation.target.id)
        ]
    return _page("CommandInvocations", filtered(answers, request), request)


def get_command_invocation(response: Any) -> Any:
    """Answer SSM GetCommandInvocation; InvocationDoesNotExist also while a new command is not visible yet."""
    request, state = _request(response), simulation()
    check_node_id(request["InstanceId"], name="instanceId")
    with state.lock:
        record = state.records.get(request["CommandId"])
        if record is None or record.region != response.region or record.visible_at > state.clock.now():
            raise aws_error("InvocationDoesNotExist", "")
        invocation = record.run.invocations.get(request["InstanceId"])
        if invocation is None:
            raise aws_error("InvocationDoesNotExist", "")
        if request.get("PluginName") not in (None, PLUGIN_OF_DOCUMENT[record.order.document]):
            raise aws_error("InvalidPluginName", "")
        state.advance([record])
        return reply(result_answer(record, invocation))


def cancel_command(response: Any) -> Any:
    """Answer SSM CancelCommand: waiting nodes are cancelled at once, running ones shortly after."""
    request, state = _request(response), simulation()
    node_ids = request.get("InstanceIds", [])
    if len(node_ids) > command_rules.MAX_INSTANCE_IDS:
        raise invalid(node_ids, name="instanceIds", rule="Member must have length less than or equal to 50")
    if len(set(node_ids)) < len(node_ids):
        raise aws_error("DuplicateInstanceId", "")
    with state.lock:
        record = state.records.get(request["CommandId"])
        if record is None or record.region != response.region:
            raise aws_error("InvalidCommandId", "")
        if any(node_id not in record.run.invocations for node_id in node_ids):
            raise aws_error("InvalidInstanceId", "")
        record.run.cancel(state.clock.now(), node_ids=node_ids)
    return reply({})


def _request(response: Any) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(response.body or "{}")
    return parsed


def _page(name: str, answers: list[dict[str, Any]], request: Mapping[str, Any]) -> Any:
    page, token = paginate(
        answers,
        token=request.get("NextToken"),
        size=request.get("MaxResults"),
        default=MAX_RESULTS,
        minimum=1,
        maximum=MAX_RESULTS,
        style=SSM,
    )
    return reply({name: page, "NextToken": token or ""})
