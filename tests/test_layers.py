"""Who may import whom, and the one home of each outside thing, read from the source of every module.

Imports inside functions and under TYPE_CHECKING count like all others: they are dependencies, too.
"""

import ast
from collections.abc import Iterator, Set
from functools import cache
from pathlib import Path

import pytest

import ec2menu

ROOT = Path(ec2menu.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
MODULES = {".".join(("ec2menu", *path.relative_to(ROOT).with_suffix("").parts)): path for path in FILES}

# -- layers -----------------------------------------------------------------------------------------------------------

NOUNS = ("ec2menu", "models", "errors", "clock", "exports")
HELPERS = ("fanout", "config", "logs", "arguments")
MIDDLE = ("connectors", "batch", "resources", "state")
BELOW_FLOWS = (*NOUNS, *HELPERS, "aws", *MIDDLE, "ui")
ALLOWED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(NOUNS, NOUNS),
    **dict.fromkeys(HELPERS, NOUNS),
    "aws": (*NOUNS, "fanout", "config"),
    **dict.fromkeys(MIDDLE, (*NOUNS, "fanout", "config", "aws")),
    "ui": (*NOUNS, "fanout", "logs"),
    "flows": BELOW_FLOWS,
    "ui.screens": (*BELOW_FLOWS, "flows"),
    "commands": (*BELOW_FLOWS, "flows"),
    "compose": (*BELOW_FLOWS, "flows", "ui.screens", "commands", "demo"),
    "cli": (*BELOW_FLOWS, "flows", "ui.screens", "commands", "compose"),
    "__main__": ("cli",),
    "demo": NOUNS,
}
"""What a layer may import besides itself. Siblings (the NOUNS apart) meet through models, joined by a flow."""

# -- homes ------------------------------------------------------------------------------------------------------------

LOCKS = {
    "fanout.py": "makes the threads",
    "aws/replies.py": "one large reply is parsed at a time",
    "aws/second_process.py": "requests go to the second process, and its answers come, in one order",
    "aws/session.py": "clients are made under a lock, and a prompt is refused outside the main thread",
    "connectors/process.py": "a thread of its own collects what a tunnel's plugin prints",
    "connectors/secrets.py": "a password that expires in one thread may be looked up in another",
    "connectors/tunnels.py": "no two threads open the same tunnel or choose the same local port",
    "flows/context.py": "whichever thread asks first makes the one identity",
    "resources/inventory.py": "one fetch at a time per list",
    "resources/shelf.py": "one thread reads a list from disk, and the others wait for it",
    "ui/signals.py": "only the main thread has signals",
    "state/store.py": "one SQLite connection for all threads",
}
SIGNALS = {
    "cli.py",
    "connectors/handover.py",
    "connectors/launch.py",
    "connectors/process.py",
    "connectors/relay.py",
    "ui/signals.py",
}
NOWHERE: Set[str] = frozenset()
HOMES: dict[str, Set[str]] = {
    "boto3": {"aws/"},
    "botocore": {"aws/"},
    "moto": NOWHERE,
    "werkzeug": NOWHERE,
    "subprocess": {"aws/second_process.py", "connectors/process.py", "connectors/relay.py"},
    "signal": SIGNALS,
    "threading": set(LOCKS),
    "concurrent": NOWHERE,
    "time": {"clock.py"},
    "cachetools": {"resources/inventory.py", "connectors/secrets.py"},
    "keyring": {"connectors/vault.py"},
    "tabulate": {"ui/tables.py"},
    "wcwidth": {"ui/text.py"},
    "colorama": {"ui/colors.py"},
    "getpass": {"ui/terminal.py"},
    "readline": {"ui/terminal.py"},
    "sqlite3": {"state/store.py"},
    "platformdirs": {"compose.py"},
    **dict.fromkeys(("asyncio", "multiprocessing", "importlib", "_thread", "sched", "pty", "dbm"), NOWHERE),
}
DEMO_HAS = {"boto3", "botocore", "moto", "werkzeug", "signal", "threading"}
CALLS: dict[str, Set[str]] = {
    "print": {"demo/"},
    "input": {"ui/terminal.py", "demo/"},
    "sys.exit": {"demo/", "connectors/launch.py"},  # the last is a program of its own, up to its exec
    "os._exit": {"__main__.py"},
    **dict.fromkeys(("exit", "quit", "os.system", "os.popen", "__import__", "eval", "exec"), NOWHERE),
}

CASES = [pytest.param(module, id=module) for module in MODULES]


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module, module: str) -> Iterator[str]:
    """Yield the full name of every module that is imported anywhere in the tree, submodules taken by name included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*parents, *filter(None, [node.module])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield full if full in MODULES or f"{full}.__init__" in MODULES else base


def layer_of(module: str) -> str:
    """Return the layer of a module of the package; the package itself is among the nouns (it holds the version)."""
    inner = module.removeprefix("ec2menu").strip(".").removesuffix("__init__").strip(".")
    if inner == "ui.screens" or inner.startswith("ui.screens."):
        return "ui.screens"
    return inner.partition(".")[0] or "ec2menu"


def wrong_layers(tree: ast.Module, module: str) -> list[str]:
    layer = layer_of(module)
    allowed = {layer, *ALLOWED[layer]}
    names = (name for name in imported(tree, module) if name.split(".")[0] == "ec2menu")
    return sorted({name for name in names if layer_of(name) not in allowed})


def is_at_home(path: Path, homes: Set[str]) -> bool:
    where = path.relative_to(ROOT).as_posix()
    return any(where.startswith(home) if home.endswith("/") else where == home for home in homes)


def called(tree: ast.Module) -> set[str]:
    """Return the plain and the once-dotted names that are called, whatever name they were imported under."""
    renamed = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and not node.level
        for alias in node.names
    }
    names = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return names | {renamed[name] for name in names & set(renamed)}


@pytest.mark.parametrize("module", CASES)
def test_a_module_imports_from_the_layers_below_it_only(module: str) -> None:
    assert layer_of(module) in ALLOWED, "a new module needs a place among the layers"
    assert wrong_layers(tree_of(MODULES[module]), module) == []


@pytest.mark.parametrize("module", CASES)
def test_an_outside_thing_is_imported_in_its_home_only(module: str) -> None:
    path = MODULES[module]
    outside = {name.split(".")[0] for name in imported(tree_of(path), module)}
    in_demo = DEMO_HAS if layer_of(module) == "demo" else set()
    assert [name for name in outside & set(HOMES) if name not in in_demo and not is_at_home(path, HOMES[name])] == []


@pytest.mark.parametrize("module", CASES)
def test_the_screen_the_keyboard_and_the_exit_are_used_in_their_home_only(module: str) -> None:
    path = MODULES[module]
    assert [name for name in called(tree_of(path)) & set(CALLS) if not is_at_home(path, CALLS[name])] == []


@pytest.mark.parametrize("module", CASES)
def test_a_module_says_what_lives_in_it(module: str) -> None:
    text = ast.get_docstring(tree_of(MODULES[module])) or ""
    assert text.endswith(".") or module.startswith("ec2menu.demo"), "a docstring of whole sentences opens the module"


@pytest.mark.parametrize("home", sorted(LOCKS))
def test_a_home_that_is_named_is_lived_in(home: str) -> None:
    names = set(imported(tree_of(ROOT / home), "ec2menu"))
    assert "threading" in names


def test_the_product_is_made_of_many_modules_that_all_were_looked_at() -> None:
    assert len(MODULES) > 40
    assert {layer_of(module) for module in MODULES} >= {"models", "aws", "flows", "ui.screens", "commands", "demo"}


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("ec2menu.models", "from ec2menu.config import Settings", "ec2menu.config"),
        ("ec2menu.config", "def f():\n    import ec2menu.fanout", "ec2menu.fanout"),
        ("ec2menu.aws.session", "from ec2menu.resources import ec2", "ec2menu.resources.ec2"),
        ("ec2menu.resources.ec2", "from ec2menu.state.store import Store", "ec2menu.state.store"),
        ("ec2menu.state.store", "if TYPE_CHECKING:\n    from ..flows import context", "ec2menu.flows.context"),
        ("ec2menu.ui.text", "from ec2menu.aws.session import Aws", "ec2menu.aws.session"),
        ("ec2menu.ui.menu", "from ec2menu.ui.screens.start import run_menu", "ec2menu.ui.screens.start"),
        ("ec2menu.flows.listing", "from ec2menu.commands import ls", "ec2menu.commands.ls"),
        ("ec2menu.ui.screens.start", "from ec2menu.commands.ls import run_ls", "ec2menu.commands.ls"),
        ("ec2menu.commands.ls", "from ec2menu.ui.screens import start", "ec2menu.ui.screens.start"),
        ("ec2menu.demo.server", "from ec2menu.config import Settings", "ec2menu.config"),
        ("ec2menu.cli", "from ec2menu.demo.server import DemoAws", "ec2menu.demo.server"),
    ],
)
def test_a_wrong_import_would_be_found_wherever_it_stands(module: str, source: str, wrong: str) -> None:
    assert wrong_layers(ast.parse(source), module) == [wrong]


@pytest.mark.parametrize("source", ["print(1)", "from sys import exit as out\nout(1)", "import sys\nsys.exit()"])
def test_a_wrong_call_would_be_found_under_any_name(source: str) -> None:
    assert called(ast.parse(source)) & set(CALLS)
