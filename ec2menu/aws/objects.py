"""Objects of S3, streamed into a file: nothing is held in memory, whatever its size. Knows no use of them."""

from collections.abc import Iterator

from ec2menu.aws.session import FOREIGN_ERRORS, Aws
from ec2menu.errors import Unreachable

PIECE_BYTES = 1 << 16


def object_pieces(aws: Aws, bucket: str, key: str, *, region: str) -> Iterator[bytes]:
    """Yield an object's bytes (S3 GetObject). Raises AwsError, also half-way: then what was yielded is not whole."""
    body = aws.call("s3", "GetObject", region, key="Body", Bucket=bucket, Key=key)["Body"]
    try:
        yield from body.iter_chunks(PIECE_BYTES)
    except FOREIGN_ERRORS as error:
        raise Unreachable(f"s3://{bucket}/{key} could not be read to its end", hint="try again") from error
    finally:
        body.close()
