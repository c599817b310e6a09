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


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints look like all our errors."""

    def error(self, message: str) -> NoReturn:
        """Raise InvalidInput instead of printing the whole usage and exiting."""
        raise InvalidInput(message, hint=f"type: {self.prog} --help")


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the command line. Raises InvalidInput, or SystemExit(0) after --help and --version."""
    parser = _build_parser()
    arguments, unread = parser.parse_known_args(argv)
    if arguments.verb == "ls" and not any(text.startswith("-") for text in unread):
        arguments.filters += unread  # argparse gives up on FILTERs that a flag separates from KIND
    elif unread:
        parser.error(f"unrecognized arguments: {' '.join(unread)}")
    # The flags may stand before the verb or after it, where argparse would let the second list replace the first.
    arguments.regions = [*(arguments.regions or ()), *(getattr(arguments, "more_regions", None) or ())]
    return arguments


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
    _add_ls(verbs.add_parser("ls", help="list resources: ec2, nodes, regions"))
    _add_connect(verbs.add_parser("connect", help="open a shell on a machine, or Remote Desktop on Windows"))
    doctor = verbs.add_parser("doctor", help="what is missing and what to type to fix it")
    doctor.add_argument("target", metavar="TARGET", nargs="?", default="", help="also say whether this can be reached")
    _add_common_flags(doctor, is_top=False)
    _add_common_flags(verbs.add_parser("config", help="the settings in force and their sources"), is_top=False)
    return parser


def _add_ls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", metavar="KIND", help="ec2 | nodes | regions")
    parser.add_argument("filters", nargs="*", metavar="FILTER", help="text, or column:value; all must match")
    parser.add_argument("--sort", default="name", metavar="COL", help="column to sort by; --sort=-COL reverses")
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
    _add_common_flags(parser, is_top=False)


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
