//! What the AWS CLI prints, from the SDK that the AWS CLI is made of.

use serde_json::Value;

use crate::emulator::environment;
use crate::tool::command;

const SCRIPT: &str = r#"
import base64, json, sys
import boto3
service, operation, parameters = sys.argv[1:]
client = boto3.client(service)
answer = getattr(client, operation)(**json.loads(parameters))
del answer["ResponseMetadata"]
text = lambda value: base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
print(json.dumps(answer, default=text, indent=4))
"#;

/// What `aws SERVICE OPERATION` prints of the emulator at `url`; the operation in Python's words, `describe_subnets`.
///
/// # Panics
/// If the call fails.
#[track_caller]
pub fn aws_cli(url: &str, service: &str, operation: &str, parameters: &Value) -> String {
    let python = environment().join("bin/python3");
    let run = command(&python.to_string_lossy()).args(["-c", SCRIPT, service, operation, &parameters.to_string()]);
    run.aws(url).env("AWS_DEFAULT_REGION", "us-east-1").run().ok().stdout
}
