"""The command line's grammar: flags, verbs and their help. Parsing only; what they do is in `commands`."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from ec2menu import __version__
from ec2menu.errors import InvalidInput

_EPILOG = """\
TARGET is an id, a Name, or a unique part of one.
FILTER is text (any column) or column:value.
Exit status: 0 done, 1 some target failed or was skipped, 2 usage,
3 AWS refused or unreachable, 4 plugin or tunnel, 130 interrupted."""
_OUTPUTS = ("table", "json", "csv", "ids")
_LAST_PORT = 65_535
_KINDS = "ec2 | rds | cache | ecs | nodes | jumphosts | regions"


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints look like all our errors."""

    def error(self, message: str) -> NoReturn:
        """Raise InvalidInput instead of printing the whole usage and exiting."""
        raise InvalidInput(message, hint=f"type: {self.prog} --help")


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the command line. Raises InvalidInput, or SystemExit(0) after --help and --version."""
    parser = _build_parser()
    before, dashes, command = _split_at_dashes(argv)
    before = _join_sort(before)
    arguments, unread = parser.parse_known_args(before)
    if arguments.verb == "ls" and arguments.kind is None:
        raise InvalidInput(f"ls needs a KIND: {_KINDS}", hint="type: ec2menu ls --help")
    if arguments.verb == "run":
        arguments.command = command
    elif dashes:
        parser.error("-- stands between ec2menu run and its COMMAND only")
    more = {"ls": "filters", "run": "targets"}.get(arguments.verb or "", "")
    if more and not any(text.startswith("-") for text in unread):
        getattr(arguments, more).extend(unread)  # argparse gives up on words that a flag separates from the first ones
    elif unread:
        of_verb = f" {arguments.verb}" if arguments.verb else ""
        raise InvalidInput(f"unrecognized arguments: {' '.join(unread)}", hint=f"type: ec2menu{of_verb} --help")
    # The flags may stand before the verb or after it, where argparse would let the second list replace the first.
    arguments.regions = [*(arguments.regions or ()), *(getattr(arguments, "more_regions", None) or ())]
    return arguments


def _join_sort(words: Sequence[str]) -> list[str]:
    """Return the words with `--sort -age` as one, which argparse would take for a flag without its column."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] == "--sort" and word.startswith("-"):
            joined[-1] = f"--sort={word}"
        else:
            joined.append(word)
    return joined


def _split_at_dashes(argv: Sequence[str]) -> tuple[list[str], bool, list[str]]:
    """Return what stands before the first `--`, whether there is one, and what comes after it, untouched."""
    words = list(argv)
    if "--" not in words:
        return words, False, []
    place = words.index("--")
    return words[:place], True, words[place + 1 :]


def _build_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="ec2menu",
        description="Pick an AWS resource by number and be in it. Without a verb: the menu.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ec2menu {__version__}")
    _add_common_flags(parser, is_top=True)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=_Parser)
    _add_ls(verbs.add_parser("ls", help=f"list resources: {_KINDS}"))
    _add_connect(verbs.add_parser("connect", help="a shell, or a database's prompt through a jump host"))
    _add_forward(verbs.add_parser("forward", help="a local port that leads to a database, a machine, a container"))
    _add_run(verbs.add_parser("run", help="one command on many machines; every one is accounted for"))
    _add_runs(verbs.add_parser("runs", help="past, detached and interrupted runs"))
    _add_history(verbs.add_parser("history", help="connections: when, what, how it ended, how long"))
    doctor = verbs.add_parser("doctor", help="what is missing and what to type to fix it")
    doctor.add_argument("target", metavar="TARGET", nargs="?", default="", help="also say whether this can be reached")
    _add_common_flags(doctor, is_top=False)
    _add_common_flags(verbs.add_parser("config", help="the settings in force and their sources"), is_top=False)
    return parser


def _add_ls(parser: argparse.ArgumentParser) -> None:
    parser.usage = "ec2menu ls KIND [FILTER...] [FLAGS]"
    parser.add_argument("kind", metavar="KIND", nargs="?", help=_KINDS)
    parser.add_argument("filters", nargs="*", metavar="FILTER", help="text, or column:value; all must match")
    parser.add_argument("--sort", default="name", metavar="COL", help="column to sort by; -COL reverses")
    parser.add_argument("-o", "--output", choices=_OUTPUTS, default="table", help="default: table")
    parser.add_argument("--refresh", action="store_true", help="ask AWS anew, as a one-line command always does")
    _add_common_flags(parser, is_top=False)


def _add_connect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="TARGET")
    way = parser.add_mutually_exclusive_group()
    way.add_argument(
        "--shell", dest="way", action="store_const", const="shell", default="", help="PowerShell on Windows"
    )
    way.add_argument("--rdp", dest="way", action="store_const", const="rdp", help="Remote Desktop through a tunnel")
    parser.add_argument("--user", default="", metavar="NAME", help="database user")
    parser.add_argument("--database", default="", metavar="NAME", help="database, schema or service name")
    parser.add_argument("--secret", default="", metavar="NAME", help="Secrets Manager secret with the login")
    parser.add_argument("--iam", action="store_true", help="log in with an RDS IAM token")
    parser.add_argument("--client", default="", metavar="PROGRAM", help="psql, mysql, redis-cli … instead of the first")
    _add_tunnel_flags(parser)
    _add_common_flags(parser, is_top=False)


def _add_tunnel_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--via", default="", metavar="NODE", help="this node instead of the best jump host")
    parser.add_argument("--local-port", type=_port, default=0, metavar="N", help="local port; default: as last time")


def _add_forward(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target", metavar="TARGET", nargs="?", default="", help="left out: --via NODE --host H --port N"
    )
    parser.add_argument("--port", type=_port, default=0, metavar="N", help="remote port")
    parser.add_argument("--host", default="", metavar="H", help="a host behind the node")
    parser.add_argument("--once", action="store_true", help="end when the tunnel drops, instead of reconnecting")
    _add_tunnel_flags(parser)
    _add_common_flags(parser, is_top=False)


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.usage = "ec2menu run [TARGET...] [--filter F]... [--all] [--target tag:K=V] [FLAGS] -- COMMAND"
    parser.add_argument("targets", metavar="TARGET", nargs="*")
    parser.add_argument(
        "--filter", dest="filters", action="append", default=[], metavar="F", help="as in ls; all match"
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="every machine of the region; those that cannot be reached are skipped with the reason",
    )
    parser.add_argument(
        "--target", dest="tags", action="append", default=[], metavar="tag:K=V", help="SSM chooses the nodes by tag"
    )
    parser.add_argument("-f", "--file", dest="script", type=Path, metavar="FILE", help="a script instead of COMMAND")
    parser.add_argument("--concurrency", type=int, default=5, metavar="N", help="nodes at the same time; default: 5")
    parser.add_argument("--timeout", type=int, default=120, metavar="S", help="seconds a script may run; default: 120")
    parser.add_argument(
        "--delivery-timeout", type=int, default=60, metavar="S", help="seconds until it must have begun; default: 60"
    )
    parser.add_argument("--retries", type=int, default=2, metavar="N", help="only where it never ran; default: 2")
    parser.add_argument("--max-errors", default="", metavar="N|N%", help="stop after more failures; default: never")
    parser.add_argument("--output-s3", default="", metavar="BUCKET[/PREFIX]", help="keep the full output there, too")
    parser.add_argument("--dry-run", action="store_true", help="show the plan and send nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("-o", "--output", choices=("table", "json", "csv"), default="table", help="default: table")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write summary.json and every node's output there")
    _add_common_flags(parser, is_top=False)


def _add_runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", nargs="?", default="", help="show this one, or go on following it")
    parser.add_argument("--send-rest", action="store_true", help="send what was never sent, and nothing else")
    parser.add_argument("--retry-failed", action="store_true", help="run it again where it failed or never arrived")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("-o", "--output", choices=("table", "json", "csv"), default="table", help="default: table")
    _add_common_flags(parser, is_top=False)


def _add_history(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--repeat",
        type=int,
        metavar="N",
        help="make the connection with this number again, with the same client and user",
    )
    parser.add_argument("-o", "--output", choices=("table", "json", "csv"), default="table", help="default: table")
    _add_common_flags(parser, is_top=False)


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (1-{_LAST_PORT})")
    return int(text)


def _add_common_flags(parser: argparse.ArgumentParser, *, is_top: bool) -> None:
    """Add the flags that may stand before or after the verb; absent after it, one must not reset what stood before."""
    text = None if is_top else argparse.SUPPRESS
    off = False if is_top else argparse.SUPPRESS
    regions = "regions" if is_top else "more_regions"
    parser.add_argument("-p", "--profile", default=text, metavar="PROFILE", help="AWS profile")
    parser.add_argument(
        "-r",
        "--region",
        dest=regions,
        action="append",
        metavar="REGION",
        help="AWS region; may be repeated; all: every enabled one",
    )
    parser.add_argument("--demo", action="store_true", default=off, help="a made-up fleet; needs no AWS account")
    parser.add_argument("--no-color", action="store_true", default=off, help="no colours")
    parser.add_argument("--debug", action="store_true", default=off, help="write a log file and name it")
    parser.add_argument("--config", type=Path, default=text, metavar="FILE", help="instead of the usual config.toml")
