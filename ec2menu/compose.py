"""Builds the Context from flags, environment and files: the second half of the composition root.

Also where the demo takes the place of AWS: same code, another endpoint, its own state.
"""

import argparse
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import platformdirs

from ec2menu.aws.profiles import (
    Profiles,
    active_profile,
    home_region,
    identity_key,
    is_region_name,
    load_profiles,
)
from ec2menu.clock import SystemClock
from ec2menu.config import Config, load_config
from ec2menu.errors import InvalidInput
from ec2menu.flows.context import Context
from ec2menu.state.store import Store
from ec2menu.ui.terminal import Terminal

APP = "ec2menu"
_DEMO_HINT = "in ec2menu's folder type: pip install '.[demo]' (or: pipx install --force '.[demo]')"
# Where the demo of the ec2menu that opened this window listens; the AWS_* variables beside it lead there already.
DEMO_VARIABLE = "EC2MENU_DEMO_ENDPOINT"


def build_context(arguments: argparse.Namespace, stack: ExitStack) -> Context:
    """Return the Context; what must be closed at the end goes onto the stack. Raises InvalidInput."""
    clock = SystemClock()
    regions = _checked_regions(arguments.regions)
    config = _load_config(arguments)
    terminal = Terminal(
        stdin=sys.stdin,
        stdout=sys.stdout,
        stderr=sys.stderr,
        environ=os.environ,
        clock=clock,
        color=config.settings.color,
    )
    if arguments.debug:
        _start_log(platformdirs.user_state_path(APP), terminal, clock)
    state_folder = _enter_demo(stack, terminal) if arguments.demo else platformdirs.user_state_path(APP)
    _drop_empty_profiles(os.environ)
    profiles = load_profiles(os.environ)
    explicit = "" if arguments.demo else _existing_profile(config.settings.profile, profiles)
    profile = "demo" if arguments.demo else active_profile(os.environ, explicit)
    store = Store(state_folder / "state.sqlite3")
    stack.callback(store.close)
    context = Context(
        config=config,
        environ=os.environ,
        terminal=terminal,
        clock=clock,
        store=store,
        profiles=profiles,
        profile=profile,
        is_profile_explicit=bool(explicit),
        home=_first_region(arguments, config) or home_region(os.environ, profiles, profile),
        regions=regions,
        runtime_folder=state_folder / "run",
        again=_flags_again(arguments),
        plugin_command=(sys.executable, "-P", "-m", "ec2menu.demo.plugin") if arguments.demo else (),
        is_demo=arguments.demo,
        snapshot_folder=_snapshot_folder(config, state_folder, profiles, profile),
        keeps_snapshots=arguments.verb is None,
    )
    stack.callback(context.close)
    return context


def _existing_profile(name: str, profiles: Profiles) -> str:
    if name and name not in profiles.sections:
        raise InvalidInput(
            f"there is no profile {name} in the AWS config files", hint="list them with: aws configure list-profiles"
        )
    return name


def _first_region(arguments: argparse.Namespace, config: Config) -> str:
    """Return the region that the user named for ec2menu, or nothing; the demo's fleet is where the demo says."""
    named = next((region for region in arguments.regions if region != "all"), "")
    if config.settings.region:
        _require_region(config.settings.region, hint="the setting region takes one, such as us-east-1; all: -r all")
    return named or ("" if arguments.demo else config.settings.region)


def _snapshot_folder(config: Config, state_folder: Path, profiles: Profiles, profile: str) -> Path | None:
    if not config.settings.snapshot:
        return None
    return state_folder / "snapshots" / identity_key(os.environ, profiles, profile)


def _load_config(arguments: argparse.Namespace) -> Config:
    path = arguments.config or platformdirs.user_config_path(APP) / "config.toml"
    flags = {"profile": arguments.profile, "color": False if arguments.no_color else None}
    return load_config(environ=os.environ, path=path, explicit=arguments.config is not None, flags=flags)


def _checked_regions(regions: list[str]) -> tuple[str, ...]:
    for region in regions:
        if region != "all":
            _require_region(region, hint="regions look like us-east-1; several: -r A -r B; or all")
    return tuple(dict.fromkeys(regions))


def _require_region(text: str, *, hint: str) -> None:
    if not is_region_name(text):
        raise InvalidInput(f"{text} is not the name of a region", hint=hint)


def _drop_empty_profiles(environ: "os._Environ[str]") -> None:
    """Unset an empty AWS_PROFILE or AWS_DEFAULT_PROFILE, which botocore takes for a profile that does not exist."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        if environ.get(name) == "":
            del environ[name]


def _flags_again(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Return the flags with which a new window runs ec2menu as we were run; the region is added by who opens it."""
    flags = [f"--{name.replace('_', '-')}" for name in ("demo", "no_color", "debug") if getattr(arguments, name)]
    if arguments.profile:
        flags += ["--profile", arguments.profile]
    if arguments.config:
        flags += ["--config", str(arguments.config.absolute())]
    return tuple(flags)


def _start_log(folder: Path, terminal: Terminal, clock: SystemClock) -> None:
    from ec2menu.logs import start_debug_log  # noqa: PLC0415 - for --debug only

    try:
        path = start_debug_log(folder, now=clock.wall())
    except OSError as error:
        raise InvalidInput(f"no log can be written in {folder}: {error.strerror}", hint="leave --debug out") from error
    terminal.note(f"debug log: {path}")


def _enter_demo(stack: ExitStack, terminal: Terminal) -> Path:
    """Point everything in this process at the demo, and return a folder for its state that goes with it.

    The demo is started here, unless this is a window that a running one has opened and pointed at itself.
    """
    state_folder = Path(tempfile.mkdtemp(prefix="ec2menu-demo-"))
    stack.callback(shutil.rmtree, state_folder, ignore_errors=True)
    if not os.environ.get(DEMO_VARIABLE) or os.environ.get(DEMO_VARIABLE) != os.environ.get("AWS_ENDPOINT_URL"):
        _start_demo(stack, terminal)
    return state_folder


def _start_demo(stack: ExitStack, terminal: Terminal) -> None:
    try:
        from ec2menu.demo.server import DemoAws  # noqa: PLC0415 - for --demo only

        demo = DemoAws()
        terminal.working(demo.start, "starting the demo")  # imports moto
    except ImportError as error:
        raise InvalidInput(f"the demo needs a package that is not installed: {error.name}", hint=_DEMO_HINT) from error
    stack.callback(demo.stop)
    terminal.working(demo.seed_fleet, "starting the demo: making up a fleet")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(demo.environment())
    os.environ[DEMO_VARIABLE] = demo.endpoint_url
