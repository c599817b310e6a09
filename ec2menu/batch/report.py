"""What became of a batch, as lines: equal answers together, failures and outliers first, silent nodes by name.

Pure but for `read`, which returns the two streams of a node; a group's text is read when its lines are drawn, so that
memory stays bounded. What nodes printed is PLAIN and everything else is not; the terminal escapes and paints. Records
and files are in `summary`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ec2menu.batch.names import count_nodes, fold_names, full_name, labels_of
from ec2menu.batch.nouns import OPEN_OUTCOMES, BatchResult, NodeResult, Outcome, Progress
from ec2menu.errors import ExitStatus
from ec2menu.models import Style

Line = tuple[str, Style]
Read = Callable[[NodeResult], tuple[str, str]]

MAX_NAMES = 40
NOT_KEPT = "nobody can go on with it once this ec2menu has ended: no state is kept"
_TENTHS_BELOW_SECONDS = 10

# What stands over nodes that ended alike; the order is that of the report, the largest success apart.
_WORDS = {
    Outcome.FAILED: "failed",
    Outcome.TIMED_OUT: "timed out on the node",
    Outcome.IN_DOUBT: "in doubt, not sent again",
    Outcome.UNKNOWN: "unknown, still running there",
    Outcome.NOT_BEGUN: "sent, not begun there",
    Outcome.PROBABLY_NOT_RUN: "delivery timed out",
    Outcome.NOT_DELIVERED: "not delivered, never ran",
    Outcome.CANCELLED: "cancelled",
    Outcome.SKIPPED: "skipped",
    Outcome.SUCCEEDED: "succeeded",
}
# What is always true of an outcome, where nothing more is known.
_AT_LEAST = {
    Outcome.IN_DOUBT: "it may have been sent",
    Outcome.PROBABLY_NOT_RUN: "probably not run",
    Outcome.NOT_DELIVERED: "never ran",
    Outcome.CANCELLED: "it may have begun",
}
_ORDER = {outcome: rank for rank, outcome in enumerate(_WORDS)}
_MARKS = {
    Outcome.SUCCEEDED: ("ok  ", Style.GOOD),
    Outcome.SKIPPED: ("skip", Style.WARN),
    Outcome.UNKNOWN: ("?   ", Style.WARN),
    Outcome.NOT_BEGUN: ("?   ", Style.WARN),
    Outcome.IN_DOUBT: ("?   ", Style.WARN),
    Outcome.PROBABLY_NOT_RUN: ("?   ", Style.WARN),
}
_BAD_MARK = ("FAIL", Style.BAD)
_NO_ANSWER = (*OPEN_OUTCOMES, Outcome.PROBABLY_NOT_RUN, Outcome.NOT_DELIVERED, Outcome.SKIPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Nodes that ended alike: outcome, exit code and output, or the reason where there is no output."""

    results: tuple[NodeResult, ...]

    @property
    def first(self) -> NodeResult:
        """The node that stands for all of them."""
        return self.results[0]

    @property
    def has_answer(self) -> bool:
        """Whether the nodes can have said anything."""
        return self.first.outcome not in _NO_ANSWER


def group_by_output(results: Iterable[NodeResult]) -> tuple[Group, ...]:
    """Put nodes that ended alike together: failures first, then odd answers, the largest success last."""
    groups: dict[tuple[object, ...], list[NodeResult]] = {}
    for result in results:
        groups.setdefault(_kind(result), []).append(result)
    ordered = sorted(groups.values(), key=lambda members: (_ORDER[members[0].outcome], len(members)))
    return tuple(Group(results=tuple(members)) for members in ordered)


def render_report(
    result: BatchResult,
    groups: Sequence[Group],
    *,
    read: Read,
    max_lines_per_group: int | None = None,
    elapsed_seconds: float | None = None,
    is_journaled: bool = True,
    output_s3: str = "",
) -> Iterator[Line]:
    """Yield the whole report: every group with its nodes and what they printed, then the counts.

    `max_lines_per_group` None is no limit; where one cuts, the number of hidden lines is said. How to go on with what
    is open is said where the run `is_journaled`, and where else to look for what is cut: in `output_s3`.
    """
    labels = labels_of(each.target for each in result.results)
    for group in groups:
        yield _heading(group, labels)
        if group.has_answer:
            yield from _cut(_body(group.first, read, output_s3), max_lines_per_group)
        else:
            yield from _reasons(group, labels)
        yield "", Style.PLAIN
    yield from counts_lines(result, elapsed_seconds, is_journaled=is_journaled)


def counts_lines(result: BatchResult, elapsed_seconds: float | None = None, *, is_journaled: bool = True) -> list[Line]:
    """Return the last lines of a report: how many nodes ended how, and how to go on where some are open."""
    number = Counter(each.outcome for each in result.results)
    parts = [f"{number[outcome]:,} {outcome}" for outcome in reversed(_WORDS) if number[outcome]]
    took = f" · took {clock_text(elapsed_seconds)}" if elapsed_seconds is not None else ""
    worst = [_MARKS.get(each.outcome, _BAD_MARK)[1] for each in result.results]
    style = next((style for style in (Style.BAD, Style.WARN) if style in worst), Style.GOOD)
    lines = [(f"{count_nodes(len(result.results))}: {' · '.join(parts) or 'nothing'}{took}", style)]
    if result.is_detached or result.unfinished:
        how = f"to go on with it: ec2menu runs {result.go_on_with or result.run_id}"
        lines.append((how if is_journaled else NOT_KEPT, Style.STRONG))
    if result.unsent and is_journaled:
        never = f"{count_nodes(len(result.unsent))} never sent to; to send the rest"
        lines.append((f"{never}: ec2menu runs {result.run_id} --send-rest", Style.STRONG))
    return lines


def node_lines(result: NodeResult, *, read: Read, output_s3: str = "") -> Iterator[Line]:
    """Yield one node's row and its whole output."""
    yield result_line(result)
    if result.outcome not in _NO_ANSWER:
        yield from _body(result, read, output_s3)


def result_line(result: NodeResult) -> Line:
    """Return one node's row, as it lands: `ok   web-1 (i-…)  exit 0 · 1.2 s`."""
    mark, style = _MARKS.get(result.outcome, _BAD_MARK)
    return f"{mark} {full_name(result.target)}  {describe_result(result)}", style


def describe_result(result: NodeResult) -> str:
    """Say how one node ended, no more than is known."""
    code = f"exit {result.exit_code}" if result.exit_code is not None and result.exit_code >= 0 else ""
    word = "" if result.outcome is Outcome.SUCCEEDED and code else str(result.outcome)
    why = why_of(result)
    if word and why and (why.startswith(word) or why in word):
        word, why = max(word, why, key=len), ""
    parts = [part for part in (word, code, why) if part]
    if result.lasted_seconds:
        parts.append(_seconds(result.lasted_seconds))
    if result.attempts > 1:
        parts.append(f"attempt {result.attempts}")
    if result.outcome in OPEN_OUTCOMES and result.command_id:
        parts.append(f"command {result.command_id}")
    return " · ".join(parts)


def why_of(result: NodeResult) -> str:
    """Return what is known beside the outcome and the exit code, which the detail may begin with."""
    code = f"exit {result.exit_code}"
    detail = "" if result.detail == code else result.detail.removeprefix(f"{code}, ")
    return detail or _AT_LEAST.get(result.outcome, "")


def live_line(progress: Progress, elapsed_seconds: float) -> str:
    """Return the line that is redrawn while a batch runs: `37/200 done · 5 running · 2 failed · 01:12`."""
    parts = [f"{progress.done}/{progress.total} done", f"{progress.running} running"]
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    parts.append(clock_text(elapsed_seconds))
    return " · ".join([*parts, progress.note] if progress.note else parts)


def clock_text(seconds: float) -> str:
    """Write a length of time as a stop watch does: `01:12`, `1:02:03`."""
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


def exit_status(result: BatchResult) -> int:
    """Return 0 where the script ended with 0 on every node, else 1: failed, skipped, unfinished all count.

    130 where the run was left because of Ctrl-C; more than 1 where a list lacked a part. No rows at all are no success.
    """
    if result.is_interrupted:
        return ExitStatus.INTERRUPTED
    good = bool(result.results) and len(result.succeeded) == len(result.results)
    own = ExitStatus.DONE if good and not result.is_detached else ExitStatus.TARGET_FAILED
    return max(own, result.listing_status)


def _kind(result: NodeResult) -> tuple[object, ...]:
    """Return what makes two rows alike; without an answer to compare, only how they ended does."""
    if result.outcome in _NO_ANSWER:
        return (result.outcome,)
    return result.outcome, result.exit_code, result.digest, result.is_stdout_cut, result.is_stderr_cut, result.detail


def _heading(group: Group, labels: dict[str, str]) -> Line:
    first = group.first
    code = f" · exit {first.exit_code}" if first.exit_code is not None and first.exit_code >= 0 else ""
    limit = 0 if first.outcome is not Outcome.SUCCEEDED else MAX_NAMES
    names = fold_names((labels[result.target.id] for result in group.results), limit=limit)
    words = f"{count_nodes(len(group.results))} {_WORDS[first.outcome]}{code if group.has_answer else ''}"
    style = _MARKS.get(first.outcome, _BAD_MARK)[1]
    return (f"{words}: {names}" if group.has_answer else f"{words}:"), style


def _reasons(group: Group, labels: dict[str, str]) -> Iterator[Line]:
    """Yield the nodes of a group without answers by name, those with the same reason in one line."""
    reasons: dict[str, list[str]] = {}
    for result in group.results:
        reason = "" if why_of(result) in _WORDS[result.outcome] else why_of(result)
        if result.outcome in OPEN_OUTCOMES and result.command_id:
            reason = f"{reason} · command {result.command_id}" if reason else f"command {result.command_id}"
        reasons.setdefault(reason, []).append(labels[result.target.id])
    for reason, names in reasons.items():
        yield f"  {fold_names(names)}" + (f": {reason}" if reason else ""), Style.WARN


def _body(result: NodeResult, read: Read, output_s3: str) -> Iterator[Line]:
    """Yield what a node printed; stderr under its own title, and what SSM has cut said where it was cut."""
    stdout, stderr = read(result)
    if why := why_of(result):
        yield f"  ({why})", Style.DIM
    where = f"s3://{output_s3} has it all" if output_s3 else "--output-s3 keeps it all"
    how = f"is longer: SSM keeps the beginning only; {where}"
    if not result.is_cut_sure:
        how = f"may be longer{f': look in s3://{output_s3}' if output_s3 else ''}"
    yield from _stream(stdout, f"stdout {how}" if result.is_stdout_cut else "")
    if stderr or result.is_stderr_cut:
        yield "  stderr:", Style.DIM
        yield from _stream(stderr, f"stderr {how}" if result.is_stderr_cut else "")
    if not (stdout or stderr):
        yield "  (no output)", Style.DIM


def _stream(text: str, warning: str) -> Iterator[Line]:
    for line in text.rstrip("\n").split("\n") if text else ():
        yield f"  {line.removesuffix(chr(13)).expandtabs(8)}", Style.PLAIN
    if warning:
        yield f"  ({warning})", Style.WARN


def _cut(lines: Iterator[Line], limit: int | None) -> Iterator[Line]:
    """Yield the first lines and how many more there are; that SSM has cut an output is always said."""
    hidden, warnings = 0, []
    for number, line in enumerate(lines):
        if limit is None or number < limit:
            yield line
        elif line[1] is Style.WARN:
            warnings.append(line)
        else:
            hidden += 1
    if hidden:
        yield f"  … and {hidden:,} more line{'' if hidden == 1 else 's'}", Style.DIM
    yield from warnings


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < _TENTHS_BELOW_SECONDS else clock_text(seconds)
