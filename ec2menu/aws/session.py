"""One identity and its clients: the only way the package talks to AWS.

One botocore session per profile (its parsed service models are the expensive part), clients made once under a lock
and shared by all threads, timeouts and retries set on purpose. Calls go through `Aws.call` and `Aws.list_all`, which
turn every foreign error into ours. Knows no resource: `resources/` says what to call.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import boto3.session
import botocore.exceptions
import botocore.session
from botocore import xform_name
from botocore.config import Config
from botocore.credentials import create_credential_resolver
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from botocore.utils import JSONFileCache

from ec2menu import __version__
from ec2menu.aws.attempts import TOTAL_ATTEMPTS, give_up_on_silence, log_call, parsed, until_complete
from ec2menu.aws.failures import BAD_KEY_CODES, OPT_IN_REQUIRED, Call, incomplete, translate
from ec2menu.aws.paging import page_names, page_request
from ec2menu.aws.profiles import Profiles, partition_home
from ec2menu.aws.replies import ReplyParsers
from ec2menu.aws.trim import make_loader
from ec2menu.errors import AwsError, CredentialsError, Ec2MenuError, Interrupted, RegionDisabled
from ec2menu.models import Identity

T = TypeVar("T")


CONNECT_TIMEOUT_SECONDS = 3
READ_TIMEOUT_SECONDS = 15
CLI_CACHE_FOLDER = "~/.aws/cli/cache"

# What botocore raises: its two families, its parser's own error, and what credential providers and urllib3 let through.
FOREIGN_ERRORS = (ClientError, BotoCoreError, ResponseParserError, OSError, ValueError, EOFError)

_AMBIENT_METHODS = frozenset({"env", "container-role", "iam-role", "assume-role-with-web-identity"})
_PROFILE_METHODS = frozenset({"sso", "shared-credentials-file", "config-file", "custom-process", "assume-role"})
_KEY_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")
_PROFILE_VARIABLES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginIdentity:
    """How session-manager-plugin gets the same identity: a profile it can load, or variables to set (None: unset)."""

    profile: str
    environment: Mapping[str, str | None]

    def __repr__(self) -> str:
        """Name the variables only: their values are keys."""
        return f"PluginIdentity(profile={self.profile!r}, variables={sorted(self.environment)})"


class _SharedCache(JSONFileCache):  # type: ignore[misc]  # botocore has no types
    """The AWS CLI's credential cache; a folder that cannot be written costs a prompt, never a failure."""

    def __setitem__(self, key: str, value: Any) -> None:
        with contextlib.suppress(OSError):
            super().__setitem__(key, value)


class Aws:
    """One identity, its clients in every region, and calls whose errors are ours.

    `profile` is the one in force, `explicit` whether the user named it (then it beats keys in the environment);
    `home` is the region to judge credentials in, or empty; `ask_mfa` prompts for an MFA code.
    """

    def __init__(
        self,
        *,
        profile: str,
        explicit: bool,
        home: str,
        profiles: Profiles,
        ask_mfa: Callable[[str], str],
        workers: int = 20,
    ) -> None:
        self.profile = profile
        self.home = home
        self._explicit = explicit
        self._profiles = profiles
        self._ask_mfa = ask_mfa
        self._workers = workers
        self._lock = threading.RLock()
        self._session: boto3.session.Session | None = None
        self._core: botocore.session.Session | None = None
        self._clients: dict[tuple[str, str, bool], Any] = {}
        self._identity: Identity | None = None
        self._method = ""

    # -- identity -----------------------------------------------------------------------------------------------

    def authenticate(self) -> None:
        """Load the credentials now, in the calling thread, so that an MFA prompt never comes from a worker.

        Raises CredentialsError, LoginExpired, MfaNeeded or InvalidInput (unknown profile).
        """
        try:
            with self._translated("sts", "GetCallerIdentity", self.home or "aws-global"):
                self._frozen_keys()
        except (Interrupted, KeyboardInterrupt):
            self.renew()  # botocore asks for a code once only, and takes the next question for a renewal
            raise

    def identity(self) -> Identity:
        """Return who AWS says we are (STS GetCallerIdentity, asked once; it needs no permission)."""
        if self._identity is None:
            home = self.home or "us-east-1"
            try:
                self._identity = self._ask_identity(home)
            except RegionDisabled:
                self._identity = self._ask_identity(partition_home(home))
        return self._identity

    @property
    def known_identity(self) -> Identity | None:
        """Who AWS has said we are, where it was asked."""
        return self._identity

    def require_enabled(self, region: str) -> None:
        """Raise RegionDisabled where the account may not use the region (asked of its STS, which anybody may call)."""
        self._ask_identity(region)

    def renew(self) -> None:
        """Forget the session and its clients, after a new login or to ask for a new MFA code."""
        with self._lock:
            self._session = self._core = self._identity = None
            self._method = ""
            self._clients.clear()

    @property
    def has_keys_in_variables(self) -> bool:
        """Whether the credentials in use are those of the environment, which nobody can renew while we run."""
        return self._method == "env"

    @property
    def sso_profile(self) -> str:
        """The profile that `aws sso login` renews for this identity; empty where it renews none (keys in variables)."""
        return "" if self.has_keys_in_variables else self._profiles.sso_login_profile(self.profile)

    def plugin_identity(self) -> PluginIdentity:
        """Say how the plugin gets the same identity: by profile where it can load it without a prompt, else by keys."""
        with self._translated("sts", "GetCallerIdentity", self.home):
            keys = self._frozen_keys()
        of_profile = self._method in _PROFILE_METHODS or self._profiles.has_web_identity(self.profile)
        if self._method in _AMBIENT_METHODS and not of_profile:
            return PluginIdentity(profile="", environment={})
        # A prompt the plugin cannot show, and the keys in variables would stand in the way of a profile's own.
        needs_us = self._profiles.needs_mfa(self.profile) or self._profiles.needs_environment(self.profile)
        if of_profile and not (self._method == "assume-role" and needs_us):
            return PluginIdentity(profile=self.profile, environment=dict.fromkeys(_KEY_VARIABLES))
        values = (keys.access_key, keys.secret_key, keys.token, None)
        return PluginIdentity(
            profile="", environment=dict(zip(_KEY_VARIABLES, values, strict=True)) | dict.fromkeys(_PROFILE_VARIABLES)
        )

    def db_auth_token(self, region: str, host: str, *, port: int, user: str) -> str:
        """Return an RDS IAM token for `user`: a password for 15 minutes, signed here, without a call.

        `host` and `port` are the database's own, also where it is reached through a tunnel. RDS takes no token signed
        for a custom endpoint. Raises as `authenticate` does; a wrong user or a denied rds-db:connect only the database
        notices.
        """
        with self._translated("rds", "GenerateDBAuthToken", region):
            self._frozen_keys()  # without keys botocore's signer fails in words of its own
            token: str = self.client("rds", region).generate_db_auth_token(
                DBHostname=host, Port=port, DBUsername=user, Region=region
            )
            return token

    # -- calls --------------------------------------------------------------------------------------------------

    def call(
        self, service: str, operation: str, region: str, *, once: bool = False, key: str = "", **parameters: Any
    ) -> dict[str, Any]:
        """Call one operation (`DescribeRegions`) and return its answer; `once` sends it a single time, never again.

        An answer without the member `key` was cut short; unless `once`, the operation is then called again.
        """

        def send() -> dict[str, Any]:
            with self._translated(service, operation, region) as call, parsed(call):
                method = getattr(self.client(service, region, once=once), xform_name(operation))
                answer: dict[str, Any] = method(**parameters)
                if key and key not in answer:
                    raise incomplete(call)
                return answer

        return send() if once else until_complete(send, f"{operation} in {region}")

    def list_all(
        self,
        service: str,
        operation: str,
        region: str,
        *,
        key: str,
        parse: Callable[[dict[str, Any]], Iterable[T]],
        page_size: int | None = None,
        on_count: Callable[[int], None] = lambda _count: None,
        **parameters: Any,
    ) -> list[T]:
        """Return every item of a paged list; `parse` turns an entry into items, `on_count` hears how many so far.

        A page without its `key` is a reply that was cut short (newer botocore passes such JSON on as a success) and is
        read again; nothing is ever returned in part. An empty token ends the list, an empty page does not.
        """
        with self._translated(service, operation, region):
            names = page_names(self._load_session()[1].get_component("data_loader"), service, operation)
        items: list[T] = []
        token, seen = "", {""}
        while True:
            request = parameters | page_request(names, size=page_size, token=token)
            page = self.call(service, operation, region, key=key, **request)
            with self._translated(service, operation, region) as call, parsed(call):
                items.extend([item for entry in page[key] for item in parse(entry)])
            on_count(len(items))
            token = page.get(names.next_token) or ""
            if not token:
                return items
            if token in seen:  # an endpoint that would never come to an end
                raise incomplete(self._describe(service, operation, region))
            seen.add(token)

    def client(self, service: str, region: str, *, once: bool = False) -> Any:
        """Return the shared client of a service in a region; `once`: one attempt, for what must not be re-sent."""
        with self._lock:
            key = (service, region, once)
            if key not in self._clients:
                self._clients[key] = self._new_client(service, region, attempts=1 if once else TOTAL_ATTEMPTS)
            return self._clients[key]

    # -- inside -------------------------------------------------------------------------------------------------

    def _new_client(self, service: str, region: str, *, attempts: int) -> Any:
        config = Config(
            user_agent_extra=f"ec2menu/{__version__}",
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=self._workers,
        )
        return self._load_session()[0].client(service, region_name=region, config=config)

    def _load_session(self) -> tuple[boto3.session.Session, botocore.session.Session]:
        with self._lock:
            if self._session is None or self._core is None:
                core = botocore.session.Session(profile=self.profile if self._explicit else None)
                core.register_component("data_loader", make_loader(core.get_config_variable("data_path")))
                core.register_component("response_parser_factory", ReplyParsers())
                cache = _SharedCache(str(Path(CLI_CACHE_FOLDER).expanduser()))
                resolver = create_credential_resolver(core, cache=cache, region_name=self.home or None)
                # botocore has no public way to name the prompter; the default, getpass, would go round our terminal.
                resolver.get_provider("assume-role")._prompter = self._prompt  # noqa: SLF001
                core.register_component("credential_provider", resolver)
                core.register("after-call", log_call)
                core.register("needs-retry", give_up_on_silence)
                self._core, self._session = core, boto3.session.Session(botocore_session=core)
            return self._session, self._core

    def _prompt(self, text: str) -> str:
        if threading.current_thread() is not threading.main_thread():
            raise EOFError  # becomes MfaNeeded; two threads asking at one keyboard would be chaos
        return self._ask_mfa(text.rstrip())

    def _frozen_keys(self) -> Any:
        with self._lock:
            credentials = self._load_session()[1].get_credentials()
            if credentials is None:
                raise botocore.exceptions.NoCredentialsError
            self._method = credentials.method
            return credentials.get_frozen_credentials()

    def _ask_identity(self, region: str) -> Identity:
        answer = self.call("sts", "GetCallerIdentity", region, key="Arn")
        return Identity(account=str(answer.get("Account", "")), arn=str(answer["Arn"]))

    def _describe(self, service: str, operation: str, region: str) -> Call:
        return Call(
            service=service,
            operation=operation,
            region=region,
            profile=self.profile,
            sso_profile=self.sso_profile,
            keys_in_variables=self.has_keys_in_variables,
            ca_bundle=os.environ.get("AWS_CA_BUNDLE", ""),
        )

    @contextlib.contextmanager
    def _translated(self, service: str, operation: str, region: str) -> Iterator[Call]:
        call = self._describe(service, operation, region)
        try:
            yield call
        except FOREIGN_ERRORS as error:
            _log.debug("%s in %s raised %s", call.action, region, type(error).__name__)
            raise self._judge(translate(error, call, who=self._who), call) from error

    def _judge(self, error: Ec2MenuError, call: Call) -> Ec2MenuError:
        """Tell a disabled region from bad keys: both answer alike, only STS in another region knows."""
        if not isinstance(error, AwsError) or error.code not in (*BAD_KEY_CODES, OPT_IN_REQUIRED):
            return error
        judge = self.home if self.home and self.home != call.region else partition_home(call.region)
        if judge == call.region:
            return error
        try:
            identity = self._ask_identity(judge)
        except CredentialsError as second:
            return second
        except Ec2MenuError:
            return error  # nobody to ask: what AWS did say is all there is
        return RegionDisabled(
            f"the region {call.region} is not enabled for account {identity.account}",
            hint="choose another region, or enable it in the account's settings",
            code=error.code,
        )

    def _who(self) -> str:
        try:
            return self.identity().arn
        except Ec2MenuError:
            return "this identity"
