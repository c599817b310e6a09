"""`python -m ec2menu` and the `ec2menu` command; the only place that ends the process."""

import sys


def run() -> None:
    """Run the command line and exit with its status; Ctrl-C while it is still being imported is quiet, too."""
    try:
        from ec2menu.cli import main  # noqa: PLC0415 - inside the try

        status = main(sys.argv[1:])
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


if __name__ == "__main__":
    run()
