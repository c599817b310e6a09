"""Objects of S3 as a batch fetches them: whole, in pieces, or told to be neither."""

from collections.abc import Callable
from typing import Any

import pytest

from ec2menu.aws.objects import PIECE_BYTES, object_pieces
from ec2menu.demo.server import DemoAws
from ec2menu.errors import AwsError
from tests.cloud.identities import aws_as

REGION = "us-east-1"
Client = Callable[..., Any]


@pytest.mark.parametrize("size", [0, 1, 3 * PIECE_BYTES + 7], ids=str)
def test_an_object_comes_whole(aws_demo: DemoAws, client: Client, size: int) -> None:
    content = (b"<DescribeInstancesResponse\xff\n" * size)[:size]
    s3 = client("s3")
    s3.create_bucket(Bucket="outputs")
    s3.put_object(Bucket="outputs", Key="run/i-1/stdout", Body=content)
    pieces = list(object_pieces(aws_as(), "outputs", "run/i-1/stdout", region=REGION))
    assert b"".join(pieces) == content
    assert max(map(len, pieces), default=0) <= PIECE_BYTES


def test_an_object_that_is_not_there_is_told_as_such(aws_demo: DemoAws, client: Client) -> None:
    client("s3").create_bucket(Bucket="outputs")
    with pytest.raises(AwsError) as caught:
        list(object_pieces(aws_as(), "outputs", "nothing", region=REGION))
    assert caught.value.code == "NoSuchKey"
