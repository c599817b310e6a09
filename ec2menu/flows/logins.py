"""How to log in to a database or a cache: what AWS keeps for us first, what the user types last, and that only once.

Passwords pass through here as `Password` values; they are never shown, recorded or logged.
"""

import functools
from dataclasses import dataclass

from ec2menu.connectors.cache_login import Verdict, try_login
from ec2menu.connectors.clients import Login, LoginSource
from ec2menu.connectors.engines import Family, engine_of
from ec2menu.connectors.forward import PROBE_SECONDS
from ec2menu.connectors.secrets import Password, PasswordKey, iam_token, read_secret
from ec2menu.connectors.tunnel import Tunnel
from ec2menu.connectors.vault import Vault
from ec2menu.errors import AccessDenied, InvalidInput
from ec2menu.fanout import Task
from ec2menu.flows.context import Context
from ec2menu.flows.targets import DataStore, describe
from ec2menu.models import Cache, CacheAuth, Database, EndpointRole, Style
from ec2menu.ui.choices import Choice, choose_one

# RDS takes no token that is signed for a custom endpoint of Aurora.
_NO_TOKENS = frozenset({EndpointRole.CUSTOM})
# What the user has typed, now or once; and the caches that can be asked whether they take it.
_OF_THE_USER = frozenset({LoginSource.TYPED, LoginSource.KEYRING})
_ASKED = frozenset({Family.REDIS, Family.VALKEY})
_MANAGED, _IAM, _TYPED, _NAMED = "managed", "iam", "typed", "named"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginWish:
    """What the user said of the login, and whether the client asks for a typed password by itself."""

    user: str = ""
    secret: str = ""
    iam: bool = False
    client_asks: bool = False


def choose_login(context: Context, item: DataStore, wish: LoginWish) -> Login:
    """Return the login to use; asks where there are several ways.

    Raises AwsError where what was wished for cannot be had, Interrupted where the user goes back.
    """
    if wish.secret:
        return _from_secret(context, item, wish.secret, wish.user)
    if wish.iam:
        return _by_token(context, item, wish.user)
    if _asks_nobody(item):
        return Login()
    ways = _ways(item, wish.user)
    way = ways[0].key
    if len(ways) > 1:
        way = choose_one(context.terminal, f"log in to {describe(item)} by", ways, default=way)
    if way == _MANAGED and isinstance(item, Database):
        return _managed(context, item, wish)
    if way == _IAM:
        return _by_token(context, item, wish.user)
    if way == _NAMED:
        return _from_secret(context, item, context.terminal.ask("name or ARN of the secret:").strip(), wish.user)
    return _typed(context, item, wish)


def check_wish(item: DataStore, *, user: str, secret: str) -> None:
    """Raise InvalidInput for a login to a cache that asks nobody who comes: it would refuse one."""
    if _asks_nobody(item) and (user or secret):
        raise InvalidInput(f"nobody logs in to {describe(item)}: it has no users", hint="leave --user and --secret out")


def prove_login(context: Context, item: DataStore, wish: LoginWish, tunnel: Tunnel) -> Login:
    """Choose a login as `choose_login`, and ask a cache whether it takes what was typed, until it does.

    What it takes is kept; of what cannot be asked beforehand the client's end tells. Raises as `choose_login`.
    """
    while True:
        login = choose_login(context, item, wish)
        if login.source not in _OF_THE_USER or engine_of(item.engine).family not in _ASKED:
            return login
        ask = functools.partial(
            try_login,
            login,
            tunnel.local_port,
            tls=tunnel.spec.tls,
            server_name=tunnel.spec.server_name,
            timeout_seconds=PROBE_SECONDS,
        )
        verdict = context.terminal.watch(Task(ask), lambda: f"logging in to {describe(item)}")
        if verdict is Verdict.ACCEPTED:
            keep_login(context, item, login)
        if verdict is not Verdict.REFUSED:
            return login
        context.terminal.note(f"{describe(item)} does not take that password", Style.BAD)
        forget_login(context, item, login)


def note_end(context: Context, item: DataStore, login: Login, *, is_well: bool) -> None:
    """Keep a login with which a client ended well, and drop one with which it did not.

    A wrong one must not be tried again behind the user's back. A client of a cache ends well in any case.
    """
    if not is_well:
        forget_login(context, item, login)
    elif engine_of(item.engine).family not in _ASKED:
        keep_login(context, item, login)


def keep_login(context: Context, item: DataStore, login: Login) -> None:
    """Keep a typed password that works for a while, and in the keyring, where the user wants that, for good."""
    if login.source is not LoginSource.TYPED or login.password is None:
        return
    key = _key(context, item, login.user)
    if context.passwords.get(key) != login.password:  # else it would live longer with every use
        context.passwords.put(key, login.password)
    if (vault := _vault(context)) is None:
        return
    context.keyring_keys.add(key)
    if vault.get(key).password != login.password and (reason := vault.set(key, login.password).reason):
        context.terminal.note(f"! {reason}")


def forget_login(context: Context, item: DataStore, login: Login) -> None:
    """Drop what was typed for a database or a cache, from the keyring, too: what is wrong there would stay wrong."""
    if login.source not in _OF_THE_USER:
        return
    key = _key(context, item, login.user)
    context.passwords.forget(key)
    vault = context.keyring.vault if context.config.settings.keyring else None
    if vault is None or vault.get(key).password is None:
        return
    reason = vault.delete(key).reason
    context.terminal.note(
        f"! {reason}" if reason else f"the password was taken out of {vault.title}; type it next time"
    )


def forget_all_logins(context: Context) -> None:
    """Drop every password that was typed in this run, and those that were used of the keyring."""
    count = context.passwords.forget_all()
    what = "1 password is forgotten" if count == 1 else f"{count} passwords are forgotten"
    context.terminal.note(what if count else "no password is kept")
    keys, context.keyring_keys = context.keyring_keys, set()
    vault = context.keyring.vault if keys else None
    if vault is None:
        return
    taken = sum(vault.get(key).password is not None and not vault.delete(key).reason for key in keys)
    if taken:
        context.terminal.note(f"taken out of {vault.title}: {taken}")


def _asks_nobody(item: DataStore) -> bool:
    return isinstance(item, Cache) and item.auth is CacheAuth.NONE


def _needs_user(item: DataStore) -> bool:
    """Whether a login has a user's name: a cache with a token only has the token."""
    return isinstance(item, Database) or item.auth is CacheAuth.RBAC


def _ways(item: DataStore, user: str) -> tuple[Choice, ...]:
    """Return the ways that there are, the best first; the managed secret is no way in for another user than its own."""
    typed = Choice(key=_TYPED, label="type the password", remark="it is kept in memory for a while")
    named = Choice(key=_NAMED, label="another secret", remark="of Secrets Manager, by name or ARN")
    if isinstance(item, Cache):
        return (typed, named)
    of_proxy = item.role is EndpointRole.PROXY
    remark = "the one that the proxy itself logs in with" if of_proxy else "the one that RDS keeps for its user"
    managed = Choice(key=_MANAGED, label="managed secret", remark=remark)
    token = Choice(key=_IAM, label="IAM token", remark="for a database user that may log in by IAM")
    return (
        *((managed,) if item.secret_arn and user in ("", item.username or user) else ()),
        *((token,) if item.iam_auth and item.role not in _NO_TOKENS else ()),
        *((typed,) if item.accepts_password else ()),
        named,
    )


def _managed(context: Context, item: Database, wish: LoginWish) -> Login:
    try:
        return _from_secret(context, item, item.secret_arn, wish.user)
    except AccessDenied as error:
        context.terminal.fail(error)
        return _typed(context, item, wish)


def _from_secret(context: Context, item: DataStore, name: str, user: str) -> Login:
    if not name:
        raise InvalidInput("no secret was named", hint="type a secret's name or ARN, or choose another way")
    found = context.attempt(
        lambda: context.in_background(
            lambda: read_secret(context.aws, item.region, name), lambda: f"reading the secret {name}"
        )
    )
    chosen = user or found.user or (_ask_user(context, item) if _needs_user(item) else "")
    return Login(user=chosen, password=found.password, source=LoginSource.SECRET)


def _by_token(context: Context, item: DataStore, user: str) -> Login:
    if item.endpoint is None or not isinstance(item, Database) or item.role in _NO_TOKENS:
        raise InvalidInput(
            f"{describe(item)} takes no IAM tokens", hint="log in with a password, or at another endpoint"
        )
    host, port = item.endpoint.host, item.endpoint.port  # a token is good for the real endpoint only
    chosen = user or _ask_user(context, item)

    def sign() -> Password:
        context.load_credentials()
        return iam_token(context.aws, region=item.region, host=host, port=port, user=chosen)

    return Login(user=chosen, password=context.attempt(sign), source=LoginSource.IAM)


def _typed(context: Context, item: DataStore, wish: LoginWish) -> Login:
    chosen = wish.user or (_ask_user(context, item) if _needs_user(item) else "")
    if wish.client_asks:
        return Login(user=chosen)
    key = _key(context, item, chosen)
    if (kept := context.passwords.get(key)) is not None:
        context.terminal.note("the password typed before is used; forget in the menu of kinds drops it", Style.DIM)
        return Login(user=chosen, password=kept, source=LoginSource.TYPED)
    vault = _vault(context)
    if vault is not None and (kept := vault.get(key).password) is not None:
        context.keyring_keys.add(key)
        context.terminal.note(f"the password comes from {vault.title}", Style.DIM)
        return Login(user=chosen, password=kept, source=LoginSource.KEYRING)
    password = context.ask_password(f"password of {chosen or describe(item)} (not shown):")
    return Login(user=chosen, password=password, source=LoginSource.TYPED)


def _ask_user(context: Context, item: DataStore) -> str:
    known = item.username or engine_of(item.engine).default_user if isinstance(item, Database) else "default"
    prompt = f"user [{known}]:" if known else "user:"
    while True:
        typed = context.terminal.ask(prompt).strip() or known
        if typed:
            return typed
        context.terminal.note("type the database user's name, or press Ctrl-C to go back")


def _key(context: Context, item: DataStore, user: str) -> PasswordKey:
    return PasswordKey(profile=context.profile, target=f"{item.region}/{item.id}", user=user)


def _vault(context: Context) -> Vault | None:
    """Return the system's keyring, where the user wants it used and it can be."""
    if not context.config.settings.keyring:
        return None
    if context.keyring.vault is None:
        context.terminal.note(f"! {context.keyring.reason}")
    return context.keyring.vault
