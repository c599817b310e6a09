"""The whole output of a node from S3, where the run was told to put it there and SSM itself kept only a part.

Best effort: what cannot be had stays cut, with a word why.
"""

from dataclasses import dataclass

from ec2menu.aws.objects import object_pieces
from ec2menu.aws.session import Aws
from ec2menu.batch.actions import Finished
from ec2menu.batch.nouns import CommandSpec
from ec2menu.batch.outputs import Kept, OutputStore
from ec2menu.batch.send import s3_place
from ec2menu.errors import Ec2MenuError

# Where the agent puts each stream, below PREFIX/COMMAND/NODE/.
_STEPS = {"Windows": "awsrunPowerShellScript"}
_STEP = "awsrunShellScript"


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The files after the attempt, which streams are still cut, and why (empty: nothing went wrong)."""

    kept: Kept
    is_stdout_cut: bool
    is_stderr_cut: bool
    problem: str = ""


def complete(
    aws: Aws, outputs: OutputStore, run_id: str, *, spec: CommandSpec, finished: Finished, kept: Kept
) -> Completed:
    """Fetch the cut streams of a node (S3 GetObject) and put them in the place of their beginnings."""
    files = {"stdout": kept.stdout_file, "stderr": kept.stderr_file}
    cut = {"stdout": finished.streams.is_stdout_cut, "stderr": finished.streams.is_stderr_cut}
    problem = ""
    for stream in [name for name, is_cut in cut.items() if is_cut]:
        bucket, key = _object_of(run_id, spec, finished, stream)
        pieces = object_pieces(aws, bucket, key, region=finished.target.region)
        try:
            files[stream] = outputs.replace(run_id, finished.target, stream, pieces)
            cut[stream] = False
        except (Ec2MenuError, OSError) as error:
            problem = f"the full {stream} could not be fetched from S3: {error}"
    kept = outputs.keep(stdout_file=files["stdout"], stderr_file=files["stderr"])
    return Completed(kept=kept, is_stdout_cut=cut["stdout"], is_stderr_cut=cut["stderr"], problem=problem)


def _object_of(run_id: str, spec: CommandSpec, finished: Finished, stream: str) -> tuple[str, str]:
    bucket, prefix = s3_place(spec, run_id)
    step = _STEPS.get(finished.target.platform, _STEP)
    return bucket, f"{prefix}/{finished.command_id}/{finished.target.id}/{step}/0.{step}/{stream}"
