"""The demo's stand-in for AWS's session-manager-plugin: the same arguments, texts, signals and exit statuses.

Run as `python -m ec2menu.demo.plugin RESPONSE REGION StartSession PROFILE REQUEST ENDPOINT`. What the session is
comes from the query of the response's StreamUrl, where the demo's StartSession has put it. Nothing that is typed is
executed, on any machine. Neither moto nor boto3 may be imported here: it has to start as fast as the real one.
"""

import sys

from ec2menu.demo.plugin_channel import Channel, Panic, read_channel, say

VERSION = "1.2.814.0"
PANIC_STATUS = 2
INSTALLED = "\nThe Session Manager plugin was installed successfully. Use the AWS CLI to start a session.\n\n"

_ARGUMENTS = 6


def run(arguments: list[str]) -> int:
    """Play the plugin and return its exit status: 0 for nearly everything, 2 for a panic."""
    if not arguments:
        say(INSTALLED)
        return 0
    if arguments == ["--version"]:
        say(f"{VERSION}\n")
        return 0
    if len(arguments) < _ARGUMENTS:
        say("Use the AWS CLI to start a session.\n")
        return 0
    try:
        channel = read_channel(arguments[0], arguments[4])
    except Panic as panic:
        sys.stderr.write(f"panic: {panic}\n")
        return PANIC_STATUS
    play(channel)
    return 0


def play(channel: Channel) -> None:
    """Be the session: a tunnel for the port documents, a toy shell for everything else."""
    if channel.document.startswith("AWS-StartPortForwarding"):
        from ec2menu.demo.plugin_ports import Tunnel  # noqa: PLC0415 - a shell does without sockets and selectors

        Tunnel(channel).play()
    else:
        from ec2menu.demo.plugin_shell import Shell  # noqa: PLC0415 - a tunnel does without terminals

        Shell(channel).play()


def main() -> None:
    """Run on the command line."""
    try:
        sys.exit(run(sys.argv[1:]))
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody to tell.
        sys.exit(0)


if __name__ == "__main__":
    main()
