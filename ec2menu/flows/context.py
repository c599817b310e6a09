"""The one object that is the outside world: built by `cli`, passed to every flow, screen and command.

What is expensive (boto3, the inventory, the plugin's version) is made at first use, so that the first menu does not
wait for it.
"""

import functools
import os
import shutil
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ec2menu.aws.profiles import Profiles
from ec2menu.clock import Clock
from ec2menu.config import Config
from ec2menu.errors import AwsError, CredentialsError, LoginExpired, MfaNeeded
from ec2menu.fanout import Task
from ec2menu.state.store import Store
from ec2menu.ui.terminal import Terminal

if TYPE_CHECKING:  # these import boto3, which the first menu does not wait for
    from tempfile import TemporaryDirectory

    from ec2menu.aws.session import Aws
    from ec2menu.connectors.connector import Connector
    from ec2menu.connectors.secrets import Password, PasswordKey, Passwords
    from ec2menu.connectors.tunnel import Tunnel
    from ec2menu.connectors.tunnels import Tunnels
    from ec2menu.connectors.vault import OpenedVault
    from ec2menu.resources.inventory import Inventory

R = TypeVar("R")

PLUGIN_VERSION_SECONDS = 10.0
# Importing boto3 in a thread would slow down whatever a quick user asks for next.
HEAD_START_SECONDS = 0.3


@dataclass(kw_only=True)
class Context:
    """Everything a flow may need. `regions` are those named on the command line, `home` the region to start from.

    `keyring_keys` are the entries of the system's keyring that were used in this run. `region_sources` tells for a
    choice of all regions which those are by now.
    """

    config: Config
    environ: Mapping[str, str]
    terminal: Terminal
    clock: Clock
    store: Store
    profiles: Profiles
    profile: str
    is_profile_explicit: bool
    home: str
    regions: tuple[str, ...]
    runtime_folder: Path
    again: Sequence[str]
    plugin_command: tuple[str, ...] = ()
    is_demo: bool = False
    snapshot_folder: Path | None = None
    keeps_snapshots: bool = False
    keyring_keys: "set[PasswordKey]" = field(default_factory=set)
    region_sources: dict[tuple[str, ...], Callable[[], Sequence[str]]] = field(default_factory=dict)
    _has_warned: bool = False
    _was_refused: bool = False
    _aws: "Aws | None" = None
    _aws_lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def aws(self) -> "Aws":
        """The identity and its clients; the first use, in whichever thread, imports boto3."""
        from ec2menu.aws.session import Aws  # noqa: PLC0415 - a quarter of a second that the first menu does not have

        with self._aws_lock:
            if self._aws is None:
                self._aws = Aws(
                    profile=self.profile,
                    explicit=self.is_profile_explicit,
                    home=self.home,
                    profiles=self.profiles,
                    ask_mfa=self.terminal.secret,
                    workers=self.config.settings.workers,
                )
            return self._aws

    @functools.cached_property
    def inventory(self) -> "Inventory":
        """What has been listed so far, in this run or (on disk) the one before."""
        from ec2menu.flows.listing import DEFAULT_SORT, default_order_key  # noqa: PLC0415 - it takes a Context
        from ec2menu.resources.inventory import Inventory  # noqa: PLC0415 - the first menu lists nothing
        from ec2menu.resources.snapshot import Snapshots  # noqa: PLC0415 - the same

        settings = self.config.settings
        return Inventory(
            aws=lambda: self.aws,
            clock=self.clock,
            ttl_seconds=settings.ttl_seconds,
            workers=settings.workers,
            snapshots=Snapshots(
                self.snapshot_folder if self.keeps_snapshots else None,
                order=DEFAULT_SORT.column,
                order_key=functools.partial(default_order_key, now=self.clock.wall()),
            ),
        )

    @functools.cached_property
    def tunnels(self) -> "Tunnels":
        """The tunnels of this run."""
        from ec2menu.connectors.tunnels import Tunnels  # noqa: PLC0415 - the first menu has none
        from ec2menu.flows.tunnels import record_tunnel  # noqa: PLC0415 - it takes a Context
        from ec2menu.state.ports import remember_port, remembered_port  # noqa: PLC0415 - the same

        return Tunnels(
            connector_factory=self.find_connector,
            recall_port=functools.partial(remembered_port, self.store),
            remember_port=functools.partial(remember_port, self.store),
            on_replaced=functools.partial(record_tunnel, self),
        )

    def known_tunnels(self) -> "list[Tunnel]":
        """Return the tunnels that have been opened in this run and not been closed."""
        return self.tunnels.all() if "tunnels" in self.__dict__ else []

    @functools.cached_property
    def keyring(self) -> "OpenedVault":
        """The system's keyring, tried out once, or the reason why there is none to use."""
        from ec2menu.connectors.vault import open_vault  # noqa: PLC0415 - rarely needed

        return open_vault()

    @functools.cached_property
    def passwords(self) -> "Passwords":
        """The passwords that were typed in this run, for a while."""
        from ec2menu.connectors.secrets import Passwords  # noqa: PLC0415 - the first menu asks for none

        return Passwords(self.clock, ttl_seconds=self.config.settings.password_minutes * 60)

    def ask_password(self, prompt: str) -> "Password":
        """Ask for a password without echo. Raises InvalidInput where nobody can be asked."""
        from ec2menu.connectors.secrets import Password  # noqa: PLC0415 - the same

        return Password(self.terminal.secret(prompt))

    def renew_identity(self) -> None:
        """Forget the credentials, and what was listed with them."""
        self.aws.renew()
        self.inventory.forget()

    @functools.cached_property
    def _scratch(self) -> "TemporaryDirectory[str]":
        from tempfile import TemporaryDirectory  # noqa: PLC0415 - rarely needed

        return TemporaryDirectory(prefix="ec2menu-")

    @property
    def keeps_state(self) -> bool:
        """Whether anything is remembered beyond this process; nothing is of a demo."""
        return not (self.store.is_in_memory or self.is_demo)

    @property
    def scratch_folder(self) -> Path:
        """A folder that goes when we end, for what would be kept with the state where no state can be kept."""
        return Path(self._scratch.name)

    def close(self) -> None:
        """Close every tunnel, and finish what must not be cut short."""
        if "_scratch" in self.__dict__:
            self._scratch.cleanup()
        if "tunnels" in self.__dict__:
            from ec2menu.flows.tunnels import record_tunnel  # noqa: PLC0415 - it takes a Context

            for tunnel in self.tunnels.all():
                record_tunnel(self, tunnel)
            self.tunnels.close_all()
        if "inventory" in self.__dict__:
            self.inventory.close()
        if self.runtime_folder.exists():
            from ec2menu.connectors.handover import drop_stale  # noqa: PLC0415 - the first menu opens no windows

            drop_stale(self.runtime_folder, clock=self.clock)

    def regions_now(self, chosen: tuple[str, ...]) -> tuple[str, ...]:
        """Return the regions that were chosen; where those were all, what are all by now."""
        all_now = self.region_sources.get(chosen)
        return (tuple(all_now()) if all_now is not None else ()) or chosen

    def known_count(self, region: str) -> tuple[int, datetime | None] | None:
        """Return how many machines the region has, as listed in this run, or at the moment beside it in an earlier one.

        None where that is not known.
        """
        if "inventory" in self.__dict__:
            from ec2menu.resources.kinds import EC2  # noqa: PLC0415 - the first menu does not wait for the imports

            if (count := self.inventory.count(EC2, region)) is not None:
                return count, None
        if self.snapshot_folder is None or not self.keeps_snapshots:
            return None
        from ec2menu.resources.snapshot import kept_count  # noqa: PLC0415 - the same

        return kept_count(self.snapshot_folder, "ec2", region, now=self.clock.wall())

    def find_connector(self) -> "Connector":
        """Return what opens sessions, with the plugin as it is now.

        Raises PluginMissing or PluginUnusable, before anything is started at AWS.
        """
        from ec2menu.connectors.connector import Connector  # noqa: PLC0415 - the first menu connects to nothing
        from ec2menu.connectors.plugin import find_plugin, install_line_here  # noqa: PLC0415 - the same
        from ec2menu.connectors.process import run_quietly  # noqa: PLC0415 - the same

        configured = self.config.settings.plugin
        plugin = find_plugin(
            explicit=self.plugin_command or ((str(Path(configured).expanduser()),) if configured else ()),
            which=shutil.which,
            which_file=functools.partial(shutil.which, mode=os.F_OK),
            run=lambda argv: run_quietly(argv, timeout_seconds=PLUGIN_VERSION_SECONDS),
            install=install_line_here(shutil.which),
        )
        if plugin.warning and not self._has_warned:
            self._has_warned = True
            self.terminal.note(f"! {plugin.warning}")
        return Connector(
            aws=self.aws,
            plugin=plugin,
            environ=self.environ,
            clock=self.clock,
            answer_seconds=self.config.settings.answer_timeout_seconds,
        )

    def later(self, function: Callable[[], R]) -> Task[R]:
        """Run a function in a thread, after the user has been shown what is on the screen now."""

        def run() -> R:
            self.clock.sleep(HEAD_START_SECONDS)
            return function()

        return Task(run)

    def in_background(self, function: Callable[[], R], describe: Callable[[], str]) -> R:
        """Run a function in a thread while the user sees what it is doing and can stop waiting with Ctrl-C.

        Credentials are loaded first, here, because their MFA prompt must not come from a thread.
        """
        self.load_credentials()
        return self.terminal.watch(Task(function), describe)

    def load_credentials(self) -> None:
        """Load the credentials in this thread, waiting with a progress line where no prompt can come."""
        if self.profiles.needs_mfa(self.profile):
            self.aws.authenticate()
        else:
            self.terminal.watch(Task(self.aws.authenticate), lambda: "loading AWS credentials")

    def recover(self) -> bool:
        """Load the credentials anew where AWS has refused them, and return whether it takes the new ones.

        Only when somebody wants something: what goes on in the background would load the old ones again. What was
        listed as another account is forgotten. A code for MFA is left to `attempt`, which asks for it.
        """
        lists = self.inventory if "inventory" in self.__dict__ else None
        was_refused = self._was_refused or (lists is not None and lists.is_refused())
        if not was_refused or self.profiles.needs_mfa(self.profile):
            return False
        self._was_refused = False
        before = self.aws.known_identity
        self.aws.renew()
        try:
            now = self.in_background(self.aws.identity, lambda: "loading AWS credentials")
        except AwsError:
            return False  # whoever asks next is told
        if lists is not None:
            lists.retry_refused()
            if before is None or before.account != now.account:
                lists.forget()
        return True

    def attempt(self, action: Callable[[], R]) -> R:
        """Do something that needs AWS; when the login has run out, offer to renew it, then do the same again.

        Where that is done elsewhere, the next attempt finds the new credentials.
        """
        self.recover()
        while True:
            try:
                return action()
            except CredentialsError as error:
                from ec2menu.flows.login import offer_login  # noqa: PLC0415 - it takes a Context

                has_run_out = isinstance(error, LoginExpired | MfaNeeded)
                if not (has_run_out and self.terminal.is_interactive and offer_login(self, error)):
                    self._was_refused = True
                    raise

    @property
    def python(self) -> str:
        """The interpreter that runs us, for processes that run us again."""
        return sys.executable
