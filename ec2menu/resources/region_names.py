"""The regions known offline: where each is, and whether accounts have it without asking (AWS Account Management guide).

Used for the first menu, before AWS has been asked, and where DescribeRegions is denied; also how several are called.
"""

from collections.abc import Sequence

from ec2menu.models import Region

_DEFAULT = {
    "us-east-1": "N. Virginia",
    "us-east-2": "Ohio",
    "us-west-1": "N. California",
    "us-west-2": "Oregon",
    "ca-central-1": "Canada Central",
    "sa-east-1": "São Paulo",
    "eu-central-1": "Frankfurt",
    "eu-west-1": "Ireland",
    "eu-west-2": "London",
    "eu-west-3": "Paris",
    "eu-north-1": "Stockholm",
    "ap-northeast-1": "Tokyo",
    "ap-northeast-2": "Seoul",
    "ap-northeast-3": "Osaka",
    "ap-south-1": "Mumbai",
    "ap-southeast-1": "Singapore",
    "ap-southeast-2": "Sydney",
}
_OPT_IN = {
    "af-south-1": "Cape Town",
    "ap-east-1": "Hong Kong",
    "ap-east-2": "Taipei",
    "ap-south-2": "Hyderabad",
    "ap-southeast-3": "Jakarta",
    "ap-southeast-4": "Melbourne",
    "ap-southeast-5": "Malaysia",
    "ap-southeast-6": "New Zealand",
    "ap-southeast-7": "Thailand",
    "ca-west-1": "Calgary",
    "eu-central-2": "Zurich",
    "eu-south-1": "Milan",
    "eu-south-2": "Spain",
    "il-central-1": "Tel Aviv",
    "me-central-1": "UAE",
    "me-south-1": "Bahrain",
    "mx-central-1": "Mexico",
}
_OTHER_PARTITIONS = {
    "cn-north-1": "Beijing",
    "cn-northwest-1": "Ningxia",
    "us-gov-west-1": "GovCloud West",
    "us-gov-east-1": "GovCloud East",
}
TITLES = _DEFAULT | _OPT_IN | _OTHER_PARTITIONS


def offline_regions(home: str) -> tuple[Region, ...]:
    """Return the regions that every account of the home region's partition has, and the home region itself."""
    if home.startswith("cn-"):
        names = [name for name in _OTHER_PARTITIONS if name.startswith("cn-")]
    elif home.startswith("us-gov-"):
        names = [name for name in _OTHER_PARTITIONS if name.startswith("us-gov-")]
    elif "-iso" in home or home.startswith("eusc-"):
        names = []
    else:
        names = list(_DEFAULT)
    if home and home not in names:
        names.append(home)
    return tuple(Region(name=name, title=TITLES.get(name, "")) for name in names)


def describe_regions(regions: Sequence[str]) -> str:
    """Name the one region, or say how many they are."""
    return regions[0] if len(regions) == 1 else f"{len(regions)} regions"
