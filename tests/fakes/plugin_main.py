"""The stand-in plugin's entry: its arguments, its texts without a session, and the failures before readiness.

Imported by the installed script only. The order of the arguments is AWS's: RESPONSE REGION StartSession PROFILE
REQUEST ENDPOINT.
"""

import json
import os
import sys
from typing import Any, NoReturn

from tests.fakes.plugin_run import Run
from tests.fakes.plugin_shell import Shell
from tests.fakes.plugin_tunnel import Tunnel

VERSION = "1.2.814.0"
HANDSHAKE_SECONDS = 0.01
RESPONSE_VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"
INSTALLED = "\nThe Session Manager plugin was installed successfully. Use the AWS CLI to start a session.\n\n"


def main(config_path: str) -> NoReturn:
    """Be session-manager-plugin, with the modes in the file at `config_path`."""
    with open(config_path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs a third of the start
        config = json.load(file)
    run = Run(modes=config["modes"], records=config["records"])
    arguments = sys.argv[1:]
    if len(arguments) < 3:
        _explain(run, arguments)
    response = _read_response(run, arguments[0])
    request = json.loads(arguments[4]) if len(arguments) > 4 else {}
    run.modes |= run.modes.get("by_target", {}).get(request.get("Target"), {})
    if run.modes.get("panics") or not isinstance(request.get("Target"), str):
        run.panic("interface conversion: interface {} is nil, not string")
    if arguments[2] != "StartSession":
        run.say("Invalid Operation")
        run.finish("refused")
    _start(run, response, request)


def _explain(run: Run, arguments: list[str]) -> NoReturn:
    """Answer a call that is no session: without arguments, for the version, or a wrong one."""
    if not arguments:
        run.say(INSTALLED)
    elif arguments == ["--version"]:
        if run.modes.get("version_hangs"):
            run.hold(None)
        run.say(f"{run.modes.get('version', VERSION)}\n")
    else:
        advice = "Use session-manager-plugin --version to check the version."
        run.say(f"\nUnknown operation {arguments[0]}. \n{advice}\n\n")
    run.finish("told")


def _read_response(run: Run, argument: str) -> dict[str, Any]:
    """Take the response from argv or from the variable it names, which is then unset. Key case does not matter."""
    named = argument.startswith(RESPONSE_VARIABLE)
    text = os.environ.pop(argument, "") if named else argument
    run.note(response=text, response_from=argument if named else "argv")
    try:
        return {key.lower(): value for key, value in json.loads(text).items()}
    except ValueError as error:
        _refuse(run, str(error))


def _refuse(run: Run, reason: str) -> NoReturn:
    run.say(f"Cannot perform start session: {reason}\n")
    run.finish("refused")


def _start(run: Run, response: dict[str, Any], request: dict[str, Any]) -> NoReturn:
    session_id = response.get("sessionid")
    if not all(isinstance(response.get(key), str) for key in ("sessionid", "streamurl", "tokenvalue")):
        run.panic("runtime error: invalid memory address or nil pointer dereference")
    if run.modes.get("silent"):
        run.hold(None)
    run.say(f"\nStarting session with SessionId: {session_id}\n")
    if run.modes.get("never_answers"):
        run.hold(None)
    run.hold(run.modes.get("slow_ready_seconds", HANDSHAKE_SECONDS))
    if "cannot_start" in run.modes:
        _refuse(run, run.modes["cannot_start"])
    if str(request.get("DocumentName", "")).startswith("AWS-StartPortForwardingSession"):
        Tunnel(run, session_id=str(session_id), request=request).serve()
    Shell(run, session_id=str(session_id)).serve()
