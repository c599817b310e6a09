"""The border to AWS: the only package (besides the demo) that imports boto3 and botocore.

`profiles` reads the AWS config files without botocore (for the first menu), `session` owns one identity and its
clients, `failures` turns botocore's exceptions into ours. Nothing here knows what an instance or a menu is.
"""
