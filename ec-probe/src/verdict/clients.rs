//! What client libraries ask when they connect, and a user may not be allowed to: the connection works, and they do not.

use ec_shared::document::{Finding, Severity};

use super::Context;
use crate::answer::Answer;
use crate::codes;
use crate::resp::Value;

/// The commands that client libraries begin with, and who needs them.
const CLIENTS_ASK: [(&str, &str, &str); 2] = [
    ("INFO", "+info", "ioredis and others wait for what INFO says before they send anything"),
    ("CLIENT SETINFO", "+client|setinfo", "redis-py, valkey-glide and others tell their name; most go on without"),
];

/// A remark on what the server refuses to client libraries, though not to PING.
pub(crate) fn refused_to_clients(answer: &Answer, context: &Context<'_>) -> Option<Finding> {
    let Answer::Reply(Ok(Value::List(replies))) = answer else { return None };
    let is_refused = |reply: &Value| matches!(reply, Value::Error(text) if text.starts_with(b"NOPERM"));
    let refused: Vec<_> =
        CLIENTS_ASK.iter().zip(replies).filter(|(_, reply)| is_refused(reply)).map(|(asked, _)| asked).collect();
    if refused.is_empty() {
        return None;
    }
    let user = context.credentials.and_then(|credentials| credentials.user.as_deref()).unwrap_or("default");
    let list = |part: fn(&(&'static str, &'static str, &'static str)) -> &'static str| {
        refused.iter().map(|asked| part(asked)).collect::<Vec<_>>()
    };
    let commands = list(|asked| asked.0);
    let rules = list(|asked| asked.1).join(" ");
    Some(
        Finding::new(
            &codes::CLIENTS_REFUSED,
            Severity::Info,
            format!("the user {user} may not run {}, which clients begin with", commands.join(" and ")),
        )
        .evidence("refused", commands)
        .evidence("needed_by", list(|asked| asked.2))
        .fix(format!(
            "aws elasticache modify-user --user-id ID --append-access-string '{rules}', or tell the client not to ask"
        )),
    )
}

#[cfg(test)]
mod tests {
    use ec_shared::document::Engine;
    use ec_shared::ran_on::RanOn;

    use super::*;
    use crate::answer::Fault;
    use crate::plan::Plan;

    #[test]
    fn what_clients_ask_and_the_user_may_not_is_remarked_on() {
        let refused = || Value::Error(b"NOPERM User app has no permissions to run the 'info' command".to_vec());
        let (fine, old) =
            (|| Value::Text(b"OK".to_vec()), || Value::Error(b"ERR Unknown subcommand 'SETINFO'".to_vec()));
        let plan = Plan::for_tests(Engine::Valkey, true);
        let machine = RanOn { host: "app-1".into(), instance_id: None };
        let now = jiff::Timestamp::UNIX_EPOCH;
        let context = Context { plan: &plan, target: &plan.targets[0], credentials: None, machine: &machine, now };
        let told = |replies: Vec<Value>| {
            let finding = refused_to_clients(&Answer::Reply(Ok(Value::List(replies))), &context)?;
            Some((finding.summary, finding.fix.unwrap_or_default()))
        };
        for replies in [vec![fine(), fine()], vec![fine(), old()], vec![]] {
            assert_eq!(told(replies), None);
        }
        let (summary, fix) = told(vec![refused(), refused()]).unwrap();
        assert_eq!(summary, "the user default may not run INFO and CLIENT SETINFO, which clients begin with");
        assert!(fix.contains("'+info +client|setinfo'"), "{fix}");
        let (summary, _) = told(vec![refused(), old()]).unwrap();
        assert_eq!(summary, "the user default may not run INFO, which clients begin with");
        assert_eq!(refused_to_clients(&Answer::Reply(Err(Fault::Closed)), &context), None);
    }
}
