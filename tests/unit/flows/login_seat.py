"""A seat to log in at: a person who types, also what is not echoed, and an AWS that keeps secrets and signs tokens."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ec2menu.config import Config, Settings
from ec2menu.connectors.clients import Login, LoginSource
from ec2menu.errors import Ec2MenuError
from ec2menu.flows.logins import LoginWish, choose_login, keep_login
from ec2menu.flows.targets import DataStore
from ec2menu.ui.terminal import Terminal
from tests.unit.desk import REGION, CannedAws, Desk, context_at, sit_down
from tests.unit.resources.database_entries import database

Line = str | BaseException | Callable[[], object]
HUSH, TOKEN = "hush-7", "signed-9"
ARN = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:rds!billing-AbCdEf"
PLAIN = database(username="admin")


@dataclass
class LoginAws(CannedAws):
    """An AWS with secrets by name, or the error to raise, that signs tokens; `signed` is for whom and where."""

    secrets: dict[str, str | Ec2MenuError] = field(default_factory=dict)
    signed: list[tuple[str, str, int, str]] = field(default_factory=list)

    def call(self, service: str, operation: str, region: str, **parameters: Any) -> dict[str, Any]:
        self.asked.append((operation, region))
        found = self.secrets[parameters["SecretId"]]
        if isinstance(found, Ec2MenuError):
            raise found
        return {"ARN": "arn", "SecretString": found}

    def db_auth_token(self, region: str, host: str, *, port: int, user: str) -> str:
        self.signed.append((region, host, port, user))
        return TOKEN


class Blindfold(Terminal):
    """A terminal whose keyboard also types what is not echoed: getpass would look for the one of the tests."""

    def secret(self, prompt: str) -> str:
        return self.ask(prompt)


class Seat:
    """A person who logs in: what is typed, what AWS knows, and what is to be seen after it."""

    def __init__(self, folder: Path) -> None:
        self.aws = LoginAws(secrets={ARN: f'{{"username": "admin", "password": "{HUSH}"}}'})
        self.desk = sit_down(out_tty=True, color=False)
        self.context = context_at(self.desk, self.aws, folder)
        self._folder = folder

    def type(self, *typed: Line) -> None:
        desk = sit_down(*typed, out_tty=True, color=False, clock=self.desk.clock)
        terminal = Blindfold(
            stdin=desk.keyboard, stdout=desk.out, stderr=desk.err, environ={}, clock=desk.clock, color=False
        )
        self.desk = Desk(keyboard=desk.keyboard, out=desk.out, err=desk.err, clock=desk.clock, terminal=terminal)
        self.context.terminal = terminal

    def log_in(self, item: DataStore, *typed: Line, works: bool = True, **wish: Any) -> Login:
        """Choose a login while typing, which works or not; all typed must be asked for, and nothing secret shown."""
        self.type(*typed)
        login = choose_login(self.context, item, LoginWish(**wish))
        if works:
            keep_login(self.context, item, login)
        assert self.desk.keyboard.left == 0
        assert not {HUSH, TOKEN} & set((self.desk.data + self.desk.notes).split())
        assert HUSH not in self.desk.data + self.desk.notes + repr(login)
        return login

    def set(self, **settings: Any) -> None:
        self.context.config = Config(settings=Settings(**settings), path=self._folder / "c", sources={})

    @property
    def notes(self) -> str:
        return self.desk.notes

    @property
    def ways(self) -> list[str]:
        """The ways that were offered, in their order."""
        return [line.split("  ")[1].strip() for line in self.desk.data.splitlines() if line[:1].isdigit()]


def told(login: Login) -> tuple[str, str, LoginSource]:
    return login.user, login.password.reveal() if login.password else "", login.source
