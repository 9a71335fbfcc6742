"""What deciding reachability costs: one pair from saved answers, a million pairs, and the calls to AWS."""

import http.client
import http.server
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from measure import ENV, compare, peak_mib

DEMO = Path(__file__).resolve().parent.parent / "demo"
SUBNETS = 60


def rows(tools, cache):
    """The rows of the table, as (what, ours, theirs, ratio, goal, met)."""
    sg, pairs = str(tools / "ec-sg"), str(tools / "examples" / "pairs")
    with tempfile.TemporaryDirectory() as name:
        worlds = {(groups, rules): save_world(Path(name) / f"{groups}-{rules}", groups, rules)
                  for groups, rules in ((500, 10), (5_000, 10), (5_000, 100))}
        saved = worlds[5_000, 10]
        files = sorted(str(path) for path in saved.iterdir())
        size = sum(os.path.getsize(path) for path in files) >> 20
        check = [sg, "check", "--from-files", str(saved), "--cache", "cache-1", "--from", f"i-{1:017x}"]
        pair = compare({"ours": check, "jq": ["jq", "empty", *files]}, 7)
        yield (f"reachability, one pair from {size} MiB of saved answers, 5,000 groups", pair["ours"], "`jq empty` on the same files",
               pair["jq"], 0.5)

        costs = {key: decide(pairs, world, 1_000_000) for key, world in worlds.items()}
        yield ("1,000,000 client-cache pairs, 5,000 groups of 10 rules", costs[5_000, 10], "the budget", 2.0, 1.0)
        yield ("the same with ten times the groups", costs[5_000, 10], "500 groups of 10 rules", costs[500, 10], None)
        yield ("the same with ten times the rules", costs[5_000, 100], "5,000 groups of 10 rules", costs[5_000, 10], None)
        many, few = ([pairs, str(saved), str(count)] for count in (1_000_000, 10_000))
        yield ("memory for 1,000,000 pairs", peak_mib(many, os.devnull), "for 10,000 pairs", peak_mib(few, os.devnull), 1.1)

        yield from calls(sg, cache, Path(name))


def decide(pairs, world, count):
    """Seconds that the evaluator takes for so many pairs; the best of three, in which the machine did least beside."""
    def once():
        answer = subprocess.run([pairs, str(world), str(count)], capture_output=True, check=True, env=ENV).stdout
        return json.loads(answer)["decide_s"]

    return min(once() for _ in range(3))


def save_world(folder, groups, rules):
    """Saves the answers of AWS about a VPC with a thousand instances and a thousand caches, as the AWS CLI prints them."""
    chance = random.Random(7)
    folder.mkdir()

    def save(name, value):
        (folder / f"{name}.json").write_text(json.dumps(value, indent=4), encoding="utf-8")

    def group(number):
        return f"sg-{number:017x}"

    def subnet(number):
        return f"subnet-{number:017x}"

    def some_group():
        return group(chance.randrange(groups))

    save("subnets", {"Subnets": [
        {"SubnetId": subnet(n), "VpcId": "vpc-1", "AvailabilityZone": f"us-east-1{'abc'[n % 3]}", "CidrBlock": f"10.0.{n}.0/24",
         "OwnerId": "111122223333", "State": "available", "Tags": [{"Key": "Name", "Value": f"private-{n}"}]}
        for n in range(SUBNETS)]})
    everything = [{"RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow", "Egress": egress, "CidrBlock": "0.0.0.0/0"}
                  for egress in (True, False)]
    denied = {"RuleNumber": 50, "Protocol": "6", "RuleAction": "deny", "Egress": False, "CidrBlock": "10.0.7.0/24",
              "PortRange": {"From": 6380, "To": 6380}}
    save("network-acls", {"NetworkAcls": [
        {"NetworkAclId": f"acl-{n}", "VpcId": "vpc-1", "IsDefault": n == 0,
         "Associations": [{"SubnetId": subnet(each)} for each in range(n, SUBNETS, 4)],
         "Entries": everything + ([denied] if n == 3 else [])} for n in range(4)]})
    routes = [{"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"},
              {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "active"}]
    save("route-tables", {"RouteTables": [
        {"RouteTableId": f"rtb-{n}", "VpcId": "vpc-1", "Routes": routes,
         "Associations": [{"Main": n == 0}] + [{"SubnetId": subnet(each)} for each in range(n, SUBNETS, 3)]} for n in range(3)]})
    save("security-groups", {"SecurityGroups": [
        {"GroupId": group(n), "GroupName": f"group-{n}", "VpcId": "vpc-1", "OwnerId": "111122223333",
         "Description": "a group of the benchmark", "Tags": [{"Key": "team", "Value": "t"}]} for n in range(groups)]})
    save("security-group-rules", {"SecurityGroupRules": [
        {"SecurityGroupRuleId": f"sgr-{n * rules + each:017x}", "GroupId": group(n), "GroupOwnerId": "111122223333",
         "IsEgress": each == 0, "Description": "a rule of the benchmark", "Tags": [],
         **(out_to_everywhere() if each == 0 else admitting(chance, some_group))}
        for n in range(groups) for each in range(rules)]})
    save("instances", {"Reservations": [{"Instances": [
        {"InstanceId": f"i-{n:017x}", "State": {"Code": 16, "Name": "running"}, "VpcId": "vpc-1", "SubnetId": subnet(n % SUBNETS),
         "PrivateIpAddress": f"10.0.{n % SUBNETS}.{4 + n // SUBNETS}",
         "SecurityGroups": [{"GroupId": some_group(), "GroupName": "x"} for _ in range(2)]}]} for n in range(1_000)]})
    save("caches", {"ServerlessCaches": [
        {"ServerlessCacheName": f"cache-{n}", "Status": "available", "Engine": "valkey", "SecurityGroupIds": [some_group()],
         "SubnetIds": [subnet((n * 7 + each) % SUBNETS) for each in range(3)],
         "Endpoint": {"Address": f"cache-{n}.x", "Port": 6379}, "ReaderEndpoint": {"Address": f"cache-{n}.x", "Port": 6380}}
        for n in range(1_000)]})
    return folder


def out_to_everywhere():
    return {"IpProtocol": "-1", "FromPort": -1, "ToPort": -1, "CidrIpv4": "0.0.0.0/0"}


def admitting(chance, some_group):
    port = chance.choice([6379, 6379, 6380, 443, 22, 5432])
    if chance.random() < 0.6:
        peer = {"ReferencedGroupInfo": {"GroupId": some_group(), "UserId": "111122223333"}}
    else:
        peer = {"CidrIpv4": f"10.0.{chance.randrange(SUBNETS)}.{chance.randrange(256)}/32"}
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **peer}


def calls(sg, cache, scratch):
    """The calls of `find | apply | apply`, counted in front of an emulator; how many of the last apply's write."""
    python = cache / "venv" / "bin" / "python3"
    scene = [str(python), str(DEMO / "scene.py")]
    port = subprocess.run([*scene, "free-port"], capture_output=True, text=True, check=True).stdout.strip()
    emulator = subprocess.Popen(
        [str(cache / "venv" / "bin" / "ministack")], cwd=scratch, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**ENV, "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": port, "IOT_MTLS_ENABLED": "0", "HOME": str(scratch)})
    counted = []
    proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), forward_to(int(port), counted))
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        env = {**ENV, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "test"}
        deadline = time.monotonic() + 60
        while subprocess.run([*scene, "answers"], env=env, capture_output=True).returncode:
            if time.monotonic() > deadline or emulator.poll() is not None:
                sys.exit("ministack does not answer")
        instance = subprocess.run([*scene, "set"], env=env, capture_output=True, text=True, check=True).stdout.split()[0]
        env["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{proxy.server_address[1]}"
        stages, document = [], b""
        for stage in (["find", "--cache", "orders", "--from", instance], ["apply"], ["apply"]):
            counted.clear()
            document = subprocess.run([sg, *stage], input=document, capture_output=True, check=True, env=env).stdout
            stages.append(list(counted))
    finally:
        proxy.shutdown()
        emulator.terminate()
        emulator.wait()
    writes = [action for action in stages[2] if not action.startswith("Describe")]
    if writes:
        sys.exit(f"the second apply writes: {writes}")
    names = " + ".join(str(len(stage)) for stage in stages)
    yield (f"AWS calls of `find \\| apply \\| apply`: {names}; the second apply writes nothing", sum(map(len, stages)),
           "the calls of one `apply` alone", len(stages[0]) + len(stages[1]), None)


def forward_to(port, counted):
    """A proxy that writes down the action of every request."""
    class Proxy(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            counted.extend(part[7:].decode() for part in body.split(b"&") if part.startswith(b"Action="))
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("POST", self.path, body, dict(self.headers))
            answer = connection.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                    self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    return Proxy
