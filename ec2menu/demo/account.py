"""The demo's account: its user and keys, its regions and which of them are enabled.

Answers account ListRegions, which moto lacks, and STS GetCallerIdentity. EC2 DescribeRegions reads the same table.
"""

from typing import Any

from ec2menu.demo import strict
from ec2menu.demo.strict import ACCOUNT, ACCOUNT_ID, USER_ARN, paginate, param, reply

ACCESS_KEY = "AKIADEMODEMODEMODEMO"
SECRET_KEY = "ec2menu-demo-secret-that-opens-nothing"  # noqa: S105 - opens nothing outside this process
USER_ID = "AIDADEMODEMODEMODEMO"
HOME_REGION = "us-east-1"

ENABLED_REGIONS = (
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
)
"""The regions that every account has without asking: opt-in status `opt-in-not-required`."""

OPT_IN_REGIONS = (
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
)
"""The regions that this account has not opted in to: every call there is answered as if the keys were bad."""


def is_enabled(region: str) -> bool:
    """Say whether calls in the region can succeed."""
    return region in ENABLED_REGIONS


def is_known_key(access_key: str) -> bool:
    """Say whether an access key id is the demo user's, or a temporary one that the demo's STS has given."""
    if access_key == ACCESS_KEY:
        return True
    if not access_key.startswith("ASIA"):
        return False
    from moto.sts.models import sts_backends  # noqa: PLC0415 - moto is imported when the server starts

    return sts_backends[ACCOUNT_ID]["aws"].get_assumed_role_from_access_key(access_key) is not None


def install() -> None:
    """Put ListRegions and GetCallerIdentity onto moto."""
    from moto.account import urls  # noqa: PLC0415 - moto is imported when the server starts
    from moto.account.responses import AccountResponse  # noqa: PLC0415 - the same
    from moto.sts.responses import TokenResponse  # noqa: PLC0415 - the same

    urls.url_paths["{0}/listRegions$"] = AccountResponse.dispatch
    strict.install(AccountResponse, "list_regions", _list_regions)
    strict.install(TokenResponse, "get_caller_identity", _get_caller_identity)


def _list_regions(response: Any) -> Any:
    wanted = param(response, "RegionOptStatusContains") or []
    regions = [{"RegionName": name, "RegionOptStatus": "ENABLED_BY_DEFAULT"} for name in ENABLED_REGIONS]
    regions += [{"RegionName": name, "RegionOptStatus": "DISABLED"} for name in OPT_IN_REGIONS]
    page, token = paginate(
        sorted((r for r in regions if not wanted or r["RegionOptStatus"] in wanted), key=lambda r: r["RegionName"]),
        token=param(response, "NextToken"),
        size=param(response, "MaxResults"),
        default=50,
        minimum=1,
        maximum=50,
        style=ACCOUNT,
    )
    return reply({"Regions": page, "NextToken": token})


def _get_caller_identity(response: Any) -> Any:
    access_key = response.get_access_key()
    if access_key == ACCESS_KEY:
        return reply({"UserId": USER_ID, "Account": ACCOUNT_ID, "Arn": USER_ARN})
    user_id, arn, account_id = response.backend.get_caller_identity(access_key, response.region)
    return reply({"UserId": user_id, "Account": account_id, "Arn": arn})
