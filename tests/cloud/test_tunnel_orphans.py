"""No plugin outlives ec2menu, however that ends."""

import os
import signal
import subprocess
import sys

import pytest

from tests.cloud.tunnel_rig import REGION, Rig, wait_until
from tests.fakes.plugin import REPOSITORY, process_is_alive

DRIVER = """
import os, sys, time
from ec2menu.clock import SystemClock
from ec2menu.connectors.connector import Connector
from ec2menu.connectors.forward import TunnelSpec
from ec2menu.connectors.plugin import Plugin
from ec2menu.connectors.tunnels import Tunnels
from tests.cloud.identities import aws_as

plugin, node, region, port = sys.argv[1:]
connector = Connector(
    aws=aws_as(), plugin=Plugin(command=(plugin,), version=(1, 2, 814, 0)), environ=dict(os.environ),
    clock=SystemClock(), answer_seconds=30,
)
tunnels = Tunnels(
    connector_factory=lambda: connector, recall_port=lambda *_: 0, remember_port=lambda *_: None, probe_seconds=0.2
)
tunnels.open(TunnelSpec(via=node, region=region, port=int(port)))
print("open", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="how it is on Linux; tests of processes have the other way")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_the_plugin_ends_with_the_program_that_is_killed(rig: Rig, number: signal.Signals) -> None:
    argv = [sys.executable, "-c", DRIVER, str(rig.plugin), rig.node, REGION, str(rig.far_port)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=dict(os.environ), cwd=REPOSITORY) as driver:
        assert driver.stdout is not None
        assert driver.stdout.readline() == b"open\n"
        (run,) = rig.runs()
        assert process_is_alive(run.pid)
        driver.send_signal(number)
    wait_until(lambda: not process_is_alive(run.pid), what="end of the plugin")
    assert rig.runs()[0].ended == "interrupted"
