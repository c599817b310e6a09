"""An AWS to try ec2menu on, and to test it with: moto's server inside the process, to AWS's own limits and errors.

Nothing here is used when ec2menu works on a real account. Importing this package imports none of its modules, so that
the stand-in for the session plugin starts at once.
"""
