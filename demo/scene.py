"""The demo's stage hands: what would be there in an AWS account before the tools come.

    scene.py free-port            a port of 127.0.0.1 that nobody listens on
    scene.py answers              whether the emulator answers
    scene.py set                  a VPC, an instance app-1, a cache orders with the
                                  user app, a role app; prints instance,
                                  client's group and cache's group
    scene.py left CACHE CLIENT    what stands in the account beside that scene
"""

import os
import socket
import sys

TRUST = """{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"""


def client(service):
    import boto3  # takes half a second, which a free port need not wait for
    from botocore.config import Config

    return boto3.client(service, region_name=os.environ["AWS_REGION"], config=Config(retries={"max_attempts": 0}))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1])


def answers():
    from botocore.exceptions import EndpointConnectionError

    try:
        client("sts").get_caller_identity()
    except EndpointConnectionError:
        sys.exit(1)


def set_scene():
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    app, cache = (
        ec2.create_security_group(GroupName=name, Description=about, VpcId=vpc)["GroupId"]
        for name, about in (("app", "the program"), ("cache", "the cache"))
    )
    instance = ec2.run_instances(
        ImageId="ami-12345678", InstanceType="t3.micro", MinCount=1, MaxCount=1, SubnetId=subnet, SecurityGroupIds=[app],
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "app-1"}]}],
    )["Instances"][0]["InstanceId"]
    elasticache = client("elasticache")
    elasticache.create_user(
        # With a password: that a token of IAM is good, only a cache of AWS can tell.
        UserId="app", UserName="app", Engine="valkey", AccessString="on ~* +@all", Passwords=[os.environ["REDISCLI_AUTH"]],
    )
    elasticache.create_user_group(UserGroupId="orders", Engine="valkey", UserIds=["app"])
    elasticache.create_serverless_cache(
        ServerlessCacheName="orders", Engine="valkey", UserGroupId="orders", SubnetIds=[subnet], SecurityGroupIds=[cache],
    )
    client("iam").create_role(RoleName="app", AssumeRolePolicyDocument=TRUST)
    print(instance, app, cache)


def left(cache_group, app_group):
    ec2, iam = client("ec2"), client("iam")
    groups = ec2.describe_security_groups(GroupIds=[cache_group, app_group])["SecurityGroups"]
    everywhere = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]  # what every new group has
    things = {
        "ingress rules": [rule for group in groups for rule in group["IpPermissions"]],
        "egress rules of ours": [
            rule for group in groups for rule in group["IpPermissionsEgress"]
            if not all(rule.get(key) == value for key, value in everywhere[0].items())
        ],
        "policies of role app": iam.list_role_policies(RoleName="app")["PolicyNames"]
        + iam.list_attached_role_policies(RoleName="app")["AttachedPolicies"],
        "policies of the account": iam.list_policies(Scope="Local")["Policies"],
        "service-linked roles": [
            role["RoleName"] for role in iam.list_roles()["Roles"] if role["RoleName"].startswith("AWSServiceRole")
        ],
    }
    for name, found in things.items():
        print(f"  {len(found)} {name}" + (f": {found}" if found else ""))
    sys.exit(any(things.values()))


if __name__ == "__main__":
    verb, *args = sys.argv[1:]
    {"free-port": free_port, "answers": answers, "set": set_scene, "left": left}[verb](*args)
