"""An in-process AWS for trying ec2menu out and for its tests. Nothing here touches a real account."""
