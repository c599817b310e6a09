"""Lists that are made of several calls at once, any of which may be refused: what each call said, and why one did not.

Shared by resources that AWS lists in parts (databases, caches). Entries stay as AWS gave them; what they mean is known
by the module that asks. A refusal becomes a value here, so that what the other calls said is never lost.
"""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from ec2menu.errors import AwsError, CredentialsError, Ec2MenuError, as_problem
from ec2menu.fanout import fan_out, one_at_a_time
from ec2menu.models import Cache, Database, Endpoint, Problem

if TYPE_CHECKING:
    from ec2menu.aws.session import Aws

Entry = Mapping[str, Any]
R = TypeVar("R", Database, Cache)

# How services say that an operation is not offered in a region; the last is RDS's way, with an unfitting code.
_UNKNOWN_CODES = frozenset({"InvalidAction", "UnknownOperationException", "UnknownOperation", "UnsupportedOperation"})
_UNKNOWN_TEXTS = ("not supported", "access denied to api version")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCall:
    """A paged operation: the member its entries are in, its page size, and what the progress line calls the entries.

    One that `may_be_unknown` lists nothing, without a word, where the service does not offer it.
    """

    operation: str
    key: str
    page_size: int
    noun: str
    may_be_unknown: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one call listed, or why it did not; `is_offered` is False where the service does not have the call."""

    entries: tuple[Entry, ...] = ()
    error: Ec2MenuError | None = None
    is_offered: bool = True


class PartReader:
    """Reads the lists of one service in one region; `on_progress` hears how many of each so far."""

    def __init__(self, aws: "Aws", service: str, region: str, *, on_progress: Callable[[str], None]) -> None:
        self._aws = aws
        self._service = service
        self._region = region
        self._on_progress = on_progress
        self._counts: dict[str, int] = {}
        self._tell = one_at_a_time(self._count)

    def read(self, *chains: Sequence[ListCall]) -> list[list[Part]]:
        """Read all chains at the same time; a call of a chain is made only if the one before it has listed anything.

        Raises CredentialsError where a login ran out in any of the calls: that is no refusal of a part.
        """
        self._counts = {chain[0].noun: 0 for chain in chains}
        return fan_out(self._read_chain, chains, limit=len(chains))

    def _read_chain(self, chain: Sequence[ListCall]) -> list[Part]:
        parts: list[Part] = []
        for call in chain:
            parts.append(self._read(call) if not parts or parts[-1].entries else Part())
        return parts

    def _count(self, noun: str, count: int) -> None:
        if noun in self._counts:
            self._counts[noun] = count
            self._on_progress(", ".join(f"{number:,} {noun}" for noun, number in self._counts.items()))

    def _read(self, call: ListCall) -> Part:
        try:
            entries = self._aws.list_all(
                self._service,
                call.operation,
                self._region,
                key=call.key,
                page_size=call.page_size,
                parse=lambda entry: (entry,),
                on_count=functools.partial(self._tell, call.noun),
                **call.parameters,
            )
        except CredentialsError:
            raise
        except Ec2MenuError as error:
            is_unknown = call.may_be_unknown and is_unknown_operation(error)
            return Part(is_offered=False) if is_unknown else Part(error=error)
        return Part(entries=tuple(entries))


def is_unknown_operation(error: Ec2MenuError) -> bool:
    """Tell whether the service says that it does not have the operation at all, at least in this region."""
    if not isinstance(error, AwsError):
        return False
    text = error.message.lower()
    of_text = error.code == "InvalidParameterValue" and any(words in text for words in _UNKNOWN_TEXTS)
    return error.code in _UNKNOWN_CODES or of_text


def raise_if_all_failed(parts: Iterable[Part]) -> None:
    """Raise the first error if every part has one; a part that is not offered has no say."""
    errors = [part.error for part in parts if part.is_offered]
    if errors and errors[0] is not None and None not in errors:
        raise errors[0]


def to_problems(parts: Iterable[Part], region: str) -> tuple[Problem, ...]:
    """Return what to tell beside the list of the parts that failed."""
    errors = [part.error for part in parts if part.error is not None]
    return tuple(as_problem(region, error) for error in errors)


def by_identifier(entries: Iterable[Entry], member: str) -> dict[str, Entry]:
    """Return entries by their identifier: one that moved to the next page while being listed must not count twice."""
    return {str(entry.get(member, "")): entry for entry in entries}


def to_endpoint(entry: Entry | None) -> Endpoint | None:
    """Turn an Endpoint structure (Address, Port) into ours; None where either is not known yet."""
    host, port = str((entry or {}).get("Address") or ""), int((entry or {}).get("Port") or 0)
    return Endpoint(host=host, port=port) if host and port else None


def with_unique_ids(groups: Iterable[tuple[str, Iterable[R]]]) -> tuple[R, ...]:
    """Return the resources of all groups, each with an id of its own.

    Where an id is taken, a later resource has the word of its group put in: `orders:reports`, `orders:proxy:reports`.
    """
    taken: dict[str, R] = {}
    for word, resources in groups:
        for resource in resources:
            key = resource.id
            if key in taken:
                key = f"{resource.name}:{word}:{key.removeprefix(resource.name).lstrip(':')}".rstrip(":")
            taken[_free(key, taken)] = resource
    return tuple(replace(resource, id=key) for key, resource in taken.items())


def _free(key: str, taken: Mapping[str, Any]) -> str:
    number, found = 2, key
    while found in taken:
        found, number = f"{key}:{number}", number + 1
    return found
