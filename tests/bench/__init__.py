"""Benchmarks: whole processes, as ratios within one run; printed, never asserted. Each is `python -m tests.bench.NAME`.

start        the first menu to a bare interpreter; an EC2 table on the demo's server to plain boto3
all_regions  10,000 instances over 17 regions: ours to boto3 call after call, and to bare sockets; calls and memory
one_region   1,000 managed instances in one region: ours, EC2 and SSM joined, to plain boto3 that asks EC2 alone
warm_start   the menu for the first and the second time in a home folder: to the first prompt, and to the EC2 table

canned       the AWS endpoint they measure against, very fast and strict; `fleet`, `wording` and `answers` are its parts
sequential, ideal   the scripts they measure against: boto3 used plainly, and bare sockets
"""
