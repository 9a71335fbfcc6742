"""What IAM decisions cost: a million of them, and who in an account may connect to a cache."""

import json
import subprocess
import tempfile
from pathlib import Path

from measure import ENV, compare

ACCOUNT = "123456789012"
CACHE = f"arn:aws:elasticache:eu-west-1:{ACCOUNT}:serverlesscache:orders"


def rows(tools):
    """The rows of the table, as (what, ours, theirs, ratio, goal, met)."""
    count = 1_000_000
    decide = [str(tools / "examples" / "decisions"), str(count)]
    seconds = min(json.loads(subprocess.check_output(decide, env=ENV))["decide_s"] for _ in range(3))
    yield ("1,000,000 IAM decisions, 1,000 principals of 20 statements", seconds, "the budget, 100,000 a second", count / 100_000, 1.0)

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "account.json"
        path.write_text(json.dumps(account(850)), encoding="utf-8")
        who = [str(tools / "ec-iam"), "simulate", "--cache-arn", CACHE, "--user", "app"]
        pair = compare({"ours": who, "jq": ["jq", "empty"]}, 9, stdin=str(path))
        size = path.stat().st_size / 1e6
        yield (f"who may connect, of {size:.1f} MB of get-account-authorization-details", pair["ours"], "the budget", 0.2, 1.0)
        yield ("the same", pair["ours"], "`jq empty` on the same file", pair["jq"], None)


def account(roles):
    """What `aws iam get-account-authorization-details` prints of so many roles, each with 20 statements of its own and one
    managed policy that all share."""
    services = ["s3", "ec2", "sqs", "sns", "dynamodb", "kms", "logs", "lambda", "iam", "elasticache"]

    def statement(role, index):
        service = services[index % len(services)]
        return {
            "Sid": f"Statement{index}",
            "Effect": "Deny" if index % 7 == 6 else "Allow",
            "Action": [f"{service}:Describe*", f"{service}:List*", f"{service}:Get*"],
            "Resource": [f"arn:aws:{service}:eu-west-1:{ACCOUNT}:team-{role % 40}/${{aws:PrincipalTag/team}}/*"],
            "Condition": {"StringEquals": {"aws:RequestedRegion": ["eu-west-1", "eu-central-1"]}},
        }

    def role(number):
        connect = {"Effect": "Allow", "Action": "elasticache:Connect", "Resource": [CACHE, f"arn:aws:elasticache:eu-west-1:{ACCOUNT}:user:app"]}
        statements = [statement(number, index) for index in range(20)] + ([connect] if number % 9 == 0 else [])
        name = f"role-{number}"
        return {
            "Path": "/", "RoleName": name, "RoleId": f"AROA{number:017}", "Arn": f"arn:aws:iam::{ACCOUNT}:role/{name}",
            "CreateDate": "2026-01-31T12:00:00+00:00", "InstanceProfileList": [], "Tags": [],
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]},
            "RolePolicyList": [{"PolicyName": "own", "PolicyDocument": {"Version": "2012-10-17", "Statement": statements}}],
            "AttachedManagedPolicies": [{"PolicyName": "all", "PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/all"}],
        }

    everybody = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}]}
    return {
        "UserDetailList": [], "GroupDetailList": [], "RoleDetailList": [role(number) for number in range(roles)],
        "Policies": [{
            "PolicyName": "all", "PolicyId": "ANPAALL", "Arn": f"arn:aws:iam::{ACCOUNT}:policy/all", "Path": "/", "DefaultVersionId": "v1",
            "PolicyVersionList": [{"Document": everybody, "VersionId": "v1", "IsDefaultVersion": True}],
        }],
    }
