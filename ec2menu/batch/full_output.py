"""The whole output of a node from S3, where the run was told to put it there and SSM itself kept only a part.

Best effort: what cannot be had stays cut, with a word why. A download may take long, so it belongs into the pool.
"""

from pathlib import Path

from ec2menu.aws.objects import object_pieces
from ec2menu.aws.session import Aws
from ec2menu.batch.actions import Fetch, FetchReport, Trouble
from ec2menu.batch.nouns import BatchPlan
from ec2menu.batch.outputs import OutputStore
from ec2menu.batch.send import s3_place, trouble_of
from ec2menu.errors import Ec2MenuError

# Where the agent puts each stream, below PREFIX/COMMAND/NODE/.
_STEPS = {"Windows": "awsrunPowerShellScript"}
_STEP = "awsrunShellScript"


def fetch(aws: Aws, outputs: OutputStore, plan: BatchPlan, action: Fetch) -> FetchReport:
    """Fetch streams of a node (S3 GetObject) into their files, in the place of the beginnings that SSM had."""
    fetched: dict[str, Path | None] = {}
    trouble, message = Trouble.NONE, ""
    for stream in action.streams:
        bucket, key = _object_of(plan, action, stream)
        pieces = object_pieces(aws, bucket, key, region=action.target.region)
        try:
            fetched[stream] = outputs.replace(plan.run_id, action.target, stream, pieces)
        except (Ec2MenuError, OSError) as error:
            trouble = trouble_of(error) if isinstance(error, Ec2MenuError) else Trouble.OTHER
            message = f"the full {stream} could not be fetched from S3: {error}"
    return FetchReport(fetched=fetched, trouble=trouble, message=message)


def _object_of(plan: BatchPlan, action: Fetch, stream: str) -> tuple[str, str]:
    bucket, prefix = s3_place(plan.spec, plan.run_id)
    step = _STEPS.get(action.target.platform, _STEP)
    return bucket, f"{prefix}/{action.command_id}/{action.target.id}/{step}/0.{step}/{stream}"
