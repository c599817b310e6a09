"""The texts of AWS's answers that `fleet` fills in: one reservation of DescribeInstances, one node of SSM.

With the members that the services send for an ordinary machine, on one line: about 3.5 kB and 0.6 kB.
"""

_GROUP = "<item><groupId>sg-0{a}</groupId><groupName>{team}-servers</groupName></item>"
_TAGS = "".join(
    f"<item><key>{key}</key><value>{value}</value></item>"
    for key, value in (
        ("Name", "{name}"),
        ("Team", "{team}"),
        ("Environment", "production"),
        ("aws:autoscaling:groupName", "{team}-asg"),
    )
)
_INTERFACE = (
    "<item><networkInterfaceId>eni-0{b}</networkInterfaceId><subnetId>subnet-0{a}</subnetId><vpcId>vpc-0{a}</vpcId>"
    "<description/><ownerId>123456789012</ownerId><status>in-use</status><macAddress>0a:58:0a:00:00:01</macAddress>"
    "<privateIpAddress>{ip}</privateIpAddress><privateDnsName>ip-{dashed}.{region}.compute.internal</privateDnsName>"
    f"<sourceDestCheck>true</sourceDestCheck><groupSet>{_GROUP}</groupSet>"
    "<attachment><attachmentId>eni-attach-0{b}</attachmentId><deviceIndex>0</deviceIndex><status>attached</status>"
    "<attachTime>2024-05-14T09:26:53.000Z</attachTime><deleteOnTermination>true</deleteOnTermination>"
    "<networkCardIndex>0</networkCardIndex></attachment>"
    "<privateIpAddressesSet><item><privateIpAddress>{ip}</privateIpAddress><primary>true</primary></item>"
    "</privateIpAddressesSet><ipv6AddressesSet/><interfaceType>interface</interfaceType></item>"
)
_DISK = (
    "<item><deviceName>/dev/xvda</deviceName><ebs><volumeId>vol-0{a}</volumeId><status>attached</status>"
    "<attachTime>2024-05-14T09:26:54.000Z</attachTime><deleteOnTermination>true</deleteOnTermination></ebs></item>"
)

INSTANCE = (
    "<item><reservationId>r-0{b}</reservationId><ownerId>123456789012</ownerId><groupSet/><instancesSet><item>"
    "<instanceId>{id}</instanceId><imageId>ami-0{a}</imageId><instanceState><code>16</code><name>running</name>"
    "</instanceState><privateDnsName>ip-{dashed}.{region}.compute.internal</privateDnsName>"
    "<dnsName>ec2-{dashed}.compute.amazonaws.com</dnsName><reason/><keyName>{team}</keyName>"
    "<amiLaunchIndex>0</amiLaunchIndex><productCodes/><instanceType>m6i.large</instanceType>"
    "<launchTime>2024-05-14T09:26:53.000Z</launchTime><placement><availabilityZone>{zone}</availabilityZone>"
    "<groupName/><tenancy>default</tenancy></placement><monitoring><state>disabled</state></monitoring>"
    "<subnetId>subnet-0{a}</subnetId><vpcId>vpc-0{a}</vpcId><privateIpAddress>{ip}</privateIpAddress>"
    "<ipAddress>{public}</ipAddress><sourceDestCheck>true</sourceDestCheck>"
    f"<groupSet>{_GROUP}</groupSet><architecture>x86_64</architecture><rootDeviceType>ebs</rootDeviceType>"
    f"<rootDeviceName>/dev/xvda</rootDeviceName><blockDeviceMapping>{_DISK}</blockDeviceMapping>"
    "<virtualizationType>hvm</virtualizationType><clientToken>{a}-{b}</clientToken>"
    f"<tagSet>{_TAGS}</tagSet><hypervisor>xen</hypervisor><networkInterfaceSet>{_INTERFACE}</networkInterfaceSet>"
    "<iamInstanceProfile><arn>arn:aws:iam::123456789012:instance-profile/ssm-managed</arn><id>AIPAEXAMPLE00000001</id>"
    "</iamInstanceProfile><ebsOptimized>true</ebsOptimized><enaSupport>true</enaSupport>"
    "<cpuOptions><coreCount>1</coreCount><threadsPerCore>2</threadsPerCore></cpuOptions>"
    "<hibernationOptions><configured>false</configured></hibernationOptions>"
    "<metadataOptions><state>applied</state>"
    "<httpTokens>required</httpTokens><httpPutResponseHopLimit>2</httpPutResponseHopLimit>"
    "<httpEndpoint>enabled</httpEndpoint><httpProtocolIpv6>disabled</httpProtocolIpv6>"
    "<instanceMetadataTags>disabled</instanceMetadataTags></metadataOptions>"
    "<maintenanceOptions><autoRecovery>default</autoRecovery></maintenanceOptions>"
    "<currentInstanceBootMode>uefi</currentInstanceBootMode><platformDetails>Linux/UNIX</platformDetails>"
    "<usageOperation>RunInstances</usageOperation>"
    "</item></instancesSet></item>"
)

NODE = (
    '{"AgentVersion":"3.3.2299.0","AssociationOverview":{"DetailedStatus":"Success",'
    '"InstanceAssociationStatusAggregatedCount":{"Success":2}},"AssociationStatus":"Success",'
    '"ComputerName":"ip-@ip.compute.internal","IPAddress":"@address","InstanceId":"@id","IsLatestVersion":true,'
    '"LastAssociationExecutionDate":1731312000.123,"LastPingDateTime":1731312030.456,'
    '"LastSuccessfulAssociationExecutionDate":1731312000.123,"PingStatus":"@ping","PlatformName":"@name",'
    '"PlatformType":"@platform","PlatformVersion":"@version","ResourceType":"@type","SourceId":"@id",'
    '"SourceType":"@source"}'
)
