"""A login that ends while a batch runs: renewed as often as that makes sense, else the reason is told."""

from math import inf

from ec2menu.errors import CredentialsError, Ec2MenuError, Interrupted, LoginExpired
from ec2menu.fanout import Task
from ec2menu.flows.context import Context
from ec2menu.flows.login import is_left_to_others
from ec2menu.ui.terminal import Stopped

# AWS may call a login expired that STS accepts: a token too new, or a clock that is wrong. Then asking again is no use.
RENEWALS_IN_VAIN = 4
IN_VAIN_SECONDS = 60.0
WAIT_SECONDS = 2.0


class Renewals:
    """The renewals of one batch's login."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._in_vain = 0
        self._last_at = -inf

    def renew(self, why: str) -> bool:
        """Have the login renewed after AWS refused it (`why`); return whether the batch may go on.

        Where not, the reason has been told. Raises Stopped or KeyboardInterrupt after Ctrl-C.
        """
        is_again = self._context.clock.now() - self._last_at < IN_VAIN_SECONDS
        self._in_vain = self._in_vain + 1 if is_again else 0
        try:
            if self._in_vain >= RENEWALS_IN_VAIN:
                raise CredentialsError(
                    f"AWS knows who we are and still refuses the login: {why}",
                    hint="log in anew, or see that the clock is right; then go on with the run",
                )
            self._wait(self._in_vain * WAIT_SECONDS)
            self._prove_or_ask()
        except (Stopped, KeyboardInterrupt):
            raise
        except Ec2MenuError as error:
            self._context.terminal.fail(error)
            return False
        self._last_at = self._context.clock.now()
        return True

    def _prove_or_ask(self) -> None:
        """Renew the login as usual; where that is left to others, have the user say when they have done it."""
        context = self._context
        while True:
            try:
                context.attempt(self._prove)
            except LoginExpired as error:
                if not (context.terminal.is_interactive and is_left_to_others(context)):
                    raise
                context.terminal.fail(error)
                self._ask_for_new_credentials()
            else:
                return

    def _ask_for_new_credentials(self) -> None:
        try:
            self._context.terminal.ask("press Enter once there are new credentials (Ctrl-C asks what to do):")
        except Interrupted as interrupt:
            raise Stopped(interrupt.message) from interrupt
        self._context.aws.renew()

    def _wait(self, seconds: float) -> None:
        if seconds:
            task = Task(lambda: self._context.clock.sleep(seconds))
            self._context.terminal.watch(task, lambda: "waiting until AWS accepts the login")

    def _prove(self) -> None:
        """Ask AWS itself whether the credentials are good; what was once learnt of the identity proves nothing now."""
        context = self._context
        context.load_credentials()
        region = context.home or "us-east-1"
        context.terminal.watch(
            Task(lambda: context.aws.call("sts", "GetCallerIdentity", region, key="Arn")),
            lambda: "asking AWS who we are",
        )
