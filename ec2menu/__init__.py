"""ec2menu: pick an AWS resource by number and be in it. Only the version lives here."""

__version__ = "6.0.0"
