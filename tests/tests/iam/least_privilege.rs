//! Every verb under exactly the policy that `ec-iam policy --for VERB` prints: it passes, asks for nothing else, and with
//! any one action taken away it says which one it lacks, or says what it said before because nothing hung on the answer.

mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use ec_tests::{Enforced, Outcome, actions, need, tool};
use serde_json::{Value, json};

/// Actions that no run here misses: for which purposes, and why.
const UNMISSED: &[(&[&str], &[&str], &str)] = &[
    (
        &["ec-sg apply"],
        &["ec2:CreateTags"],
        "what AWS asks for where a rule is made with tags: no call of its own, and no emulator asks for it",
    ),
    (
        &["ec-sg apply"],
        &["ec2:DescribeManagedPrefixLists"],
        "asked where a new rule stands beside one that names a list: ministack does not show such rules, and moto finds \
         the signature of a request that adds rules wrong",
    ),
    (
        &["ec-sg audit"],
        &["ec2:DescribeStaleSecurityGroups"],
        "asked about a rule that names a group over a peering connection: no emulator says that of a rule",
    ),
    (
        &["ec-iam apply", "ec-iam check", "ec-iam plan", "ec-iam whoami"],
        &["sts:GetCallerIdentity"],
        "AWS answers everybody, whatever policies say, and so do the emulators",
    ),
    (
        &["ec-iam apply --auth iam"],
        &[
            "elasticache:CreateUser",
            "elasticache:CreateUserGroup",
            "elasticache:DeleteUser",
            "elasticache:DeleteUserGroup",
            "elasticache:ModifyReplicationGroup",
            "elasticache:ModifyServerlessCache",
            "elasticache:ModifyUserGroup",
        ],
        "no emulator tells how a user logs in or which groups it is in, so that apply would wait in vain: only plan runs",
    ),
    (
        &["ec-iam apply --assign-to"],
        &[
            "sso:DeletePermissionsBoundaryFromPermissionSet",
            "sso:GetPermissionsBoundaryForPermissionSet",
            "sso:PutPermissionsBoundaryToPermissionSet",
        ],
        "moto does not know them",
    ),
    (
        &["ec-iam apply --assign-to"],
        &["sso:DescribePermissionSetProvisioningStatus", "sso:ProvisionPermissionSet"],
        "asked where a permission set that is assigned already is changed",
    ),
    (
        &["ec-iam apply --assign-to"],
        &["sso:DescribeAccountAssignmentCreationStatus", "sso:DescribeAccountAssignmentDeletionStatus"],
        "what decides is the list of assignments; the status only tells why one failed, and on moto none does",
    ),
    (
        &["ec-iam check"],
        &[
            "iam:ListAttachedRolePolicies",
            "iam:ListRoles",
            "sso:DescribePermissionSet",
            "sso:ListAccountAssignments",
            "sso:ListManagedPoliciesInPermissionSet",
            "sso:ListPermissionSetsProvisionedToAccount",
        ],
        "moto provisions no role for a permission set, so that there is no access of administrators to find",
    ),
    (
        &["ec-iam check"],
        &["iam:ListAccountAliases"],
        "the address with the account's id is as good as the one with its alias, and is told where the alias is not known",
    ),
    (&["ec-iam check"], &["iam:GenerateCredentialReport"], "asked where there is no report yet"),
    (
        &["ec-iam check --principal"],
        &[
            "iam:GetGroupPolicy",
            "iam:GetPolicy",
            "iam:GetPolicyVersion",
            "iam:ListAttachedGroupPolicies",
            "iam:ListGroupPolicies",
        ],
        "asked of users who are in groups and of managed policies; simulate.rs proves these calls for `simulate --live`",
    ),
    (
        &["ec-iam revoke"],
        &["iam:GetServiceLinkedRoleDeletionStatus"],
        "what decides is whether the role is there; the status only tells why it stayed, and here it does not",
    ),
];

/// Verbs that make no call of AWS's: the server asks for `elasticache:Connect` when the token comes, and no emulator of
/// its does.
const LOGINS: [&str; 2] = ["ec-iam token", "ec-probe --auth iam"];

/// Runs of verbs, and the emulator that they run against.
struct Setting {
    emulator: Enforced,
    cases: Vec<Case>,
}

/// What was found out: the actions that were missed, by purpose, and what is wrong.
#[derive(Debug, Default)]
struct Proof {
    missed: BTreeMap<String, BTreeSet<String>>,
    allowed: BTreeMap<String, BTreeSet<String>>,
    faults: Vec<String>,
}

/// One run of a verb.
struct Case {
    /// What the policy is for. To take back what a verb with a flag has done takes the policy for that verb, too.
    purposes: Vec<String>,
    /// The verb and its flags. A no-break space is a space within one, and # a name that no other run has.
    arguments: String,
    document: String,
    /// What the administrator does before with the document, so that there is something to take back.
    before: Option<String>,
    /// Whose policies ec-iam may write.
    principal: &'static str,
}

impl Case {
    fn new(purpose: &str, arguments: &str) -> Self {
        let (purposes, arguments) = (vec![purpose.to_owned()], arguments.to_owned());
        Self { purposes, arguments, document: String::new(), before: None, principal: "role/app" }
    }

    fn and(mut self, purpose: &str) -> Self {
        self.purposes.push(purpose.to_owned());
        self
    }

    fn on(self, document: &str) -> Self {
        Self { document: document.to_owned(), ..self }
    }

    fn after(self, arguments: &str) -> Self {
        Self { before: Some(arguments.to_owned()), ..self }
    }

    fn for_principal(self, principal: &'static str) -> Self {
        Self { principal, ..self }
    }

    fn tool(&self) -> &str {
        self.purposes[0].split(' ').next().unwrap_or_default()
    }

    fn policy(&self, purpose: &str, account: &str) -> Value {
        let arn = format!("arn:aws:elasticache:us-east-1:{account}:serverlesscache:orders");
        let args = ["policy", "--for", purpose, "--cache-arn", &arn, "--user", "app"];
        let run = tool("ec-iam").args(args).args(["--principal", self.principal]).run().ok();
        serde_json::from_str(&run.stdout).unwrap_or_default()
    }

    /// Runs it with a policy, and takes back what it has done. How it ended, and what it called.
    fn run(&self, emulator: &Enforced, policy: &Value) -> (Outcome, BTreeSet<String>) {
        static RUNS: AtomicUsize = AtomicUsize::new(1000);
        let name = format!("run-{}", RUNS.fetch_add(1, Ordering::Relaxed));
        let run = |arguments: &str, document: &str| {
            let arguments = arguments.split(' ').map(|argument| argument.replace('\u{a0}', " ").replace('#', &name));
            tool(self.tool()).args(arguments).stdin(document)
        };
        let document = match &self.before {
            Some(arguments) => emulator.as_administrator(run(arguments, &self.document)).ok().stdout,
            None => self.document.clone(),
        };
        let (mut outcome, calls) = emulator.run(policy, run(&self.arguments, &document));
        let writes = self.arguments.starts_with("apply") || self.arguments.starts_with("revoke");
        if writes && !outcome.stdout.is_empty() {
            emulator.as_administrator(run("revoke", &outcome.stdout)).ok();
        }
        for told in [&mut outcome.stdout, &mut outcome.stderr] {
            *told = told.replace(&name, "#");
        }
        (outcome, calls)
    }

    fn prove(&self, emulator: &Enforced, proof: &mut Proof) {
        let mut fault = |what: &str, outcome: &Outcome| {
            let purposes = self.purposes.join(" and ");
            proof.faults.push(format!("for {purposes}, with {}: {what}\n{}", self.principal, outcome.told()));
        };
        let everything =
            json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["*"], "Resource": "*"}]});
        let (expected, _) = self.run(emulator, &everything);
        let policies = self.purposes.iter().map(|purpose| self.policy(purpose, &emulator.account));
        let policies: Vec<Value> = policies.collect();
        let mut statements: Vec<&Value> = Vec::new();
        for statement in policies.iter().flat_map(|policy| policy["Statement"].as_array().into_iter().flatten()) {
            if !statements.contains(&statement) {
                statements.push(statement);
            }
        }
        let policy = json!({"Version": "2012-10-17", "Statement": statements});
        let allowed = actions(&policy);
        let (passed, calls) = self.run(emulator, &policy);
        if !same(&passed, &expected) || !matches!(passed.code, 0 | 1) {
            fault("it does not pass", &passed);
        }
        let beyond: Vec<_> = calls.difference(&allowed).collect();
        if !beyond.is_empty() {
            fault(&format!("it calls {beyond:?}, which the policy does not allow"), &passed);
        }
        // What the verb without its flag takes is proven there.
        let inherited = match self.purposes.as_slice() {
            [purpose] => without_flag(purpose).map(|verb| actions(&self.policy(verb, &emulator.account))),
            _ => None,
        };
        let own = &allowed - &inherited.unwrap_or_default();
        let mut missed = BTreeSet::new();
        // What is not called is not missed.
        for action in calls.intersection(&own) {
            let (outcome, _) = self.run(emulator, &without(&policy, action));
            if names(&outcome, action) {
                missed.insert(action.clone());
            } else if !same(&outcome, &passed) {
                fault(&format!("it does not say that it lacks {action}"), &outcome);
            }
        }
        for (purpose, policy) in self.purposes.iter().zip(&policies) {
            let allowed = actions(policy);
            proof.missed.entry(purpose.clone()).or_default().extend(missed.intersection(&allowed).cloned());
            proof.allowed.entry(purpose.clone()).or_default().extend(allowed);
        }
    }
}

/// The verb of a purpose that has a flag: the policy for it is a part of the other.
fn without_flag(purpose: &str) -> Option<&str> {
    purpose.split_once(" --").map(|(verb, _)| verb)
}

/// Whether a run names an action: in the hint, or as the call that failed.
fn names(outcome: &Outcome, action: &str) -> bool {
    let told = outcome.told();
    told.contains(&format!("allow the action {action}")) || told.contains(&format!("[{}:", action.replace(':', " ")))
}

/// Whether two runs ended and said the same, but for what is new in every run: the ids of rules, the proxy's port.
fn same(one: &Outcome, other: &Outcome) -> bool {
    let words = |outcome: &Outcome| {
        let told = format!("{}\n{}", outcome.stdout, outcome.stderr);
        let words = told.split(['"', ' ', ',']);
        words.filter(|word| !word.starts_with("sgr-") && !word.starts_with("http://127.")).collect::<Vec<_>>().join(" ")
    };
    one.code == other.code && words(one) == words(other)
}

fn without(policy: &Value, action: &str) -> Value {
    let mut policy = policy.clone();
    if let Some(statements) = policy["Statement"].as_array_mut() {
        for statement in statements.iter_mut() {
            if let Some(actions) = statement["Action"].as_array_mut() {
                actions.retain(|allowed| allowed != action);
            }
        }
        statements.retain(|statement| statement["Action"] != json!([]));
    }
    policy
}

#[test]
fn verbs_pass_under_their_own_policies_and_say_which_action_they_lack() {
    need!("ministack", "moto_server");
    let mut proof = Proof::default();
    // Each has an emulator of its own.
    let proofs = thread::scope(|scope| {
        let prove = |setting: fn() -> Setting| {
            scope.spawn(move || {
                let (Setting { emulator, cases }, mut proof) = (setting(), Proof::default());
                for case in &cases {
                    case.prove(&emulator, &mut proof);
                }
                proof
            })
        };
        let settings: [fn() -> Setting; 4] = [settings::paths, settings::gateways, settings::grants, settings::seats];
        settings.map(prove).map(|thread| thread.join().unwrap())
    });
    for each in proofs {
        each.missed.into_iter().for_each(|(purpose, missed)| proof.missed.entry(purpose).or_default().extend(missed));
        each.allowed.into_iter().for_each(|(purpose, all)| proof.allowed.entry(purpose).or_default().extend(all));
        proof.faults.extend(each.faults);
    }
    assert!(proof.faults.is_empty(), "{} faults:\n\n{}", proof.faults.len(), proof.faults.join("\n\n"));

    let listed = tool("ec-iam").args(["policy", "--for", "?"]).run().exits(2).stderr;
    let purposes = listed.trim().split_once("--for takes: ").unwrap().1.split(", ");
    let is_here = |purpose: &&str| {
        // What simulate needs is proven where its setting is, in simulate.rs.
        let is_elsewhere = purpose.starts_with("ec-iam simulate");
        purpose.contains(' ') && !LOGINS.contains(purpose) && !is_elsewhere
    };
    let verbs: Vec<&str> = purposes.filter(is_here).collect();
    assert_eq!(verbs, proof.allowed.keys().collect::<Vec<_>>(), "the verbs that run here are all that need something");
    let unmissed = verbs.iter().flat_map(|verb| {
        let inherited = without_flag(verb).map(|verb| proof.allowed[verb].clone()).unwrap_or_default();
        let unmissed = &(&proof.allowed[*verb] - &proof.missed[*verb]) - &inherited;
        unmissed.into_iter().map(move |action| format!("{verb}: {action}"))
    });
    let listed = UNMISSED.iter().flat_map(|(verbs, actions, _)| {
        verbs.iter().flat_map(move |verb| actions.iter().map(move |action| format!("{verb}: {action}")))
    });
    assert_eq!(unmissed.collect::<BTreeSet<_>>(), listed.collect(), "what is not missed, against UNMISSED");
}
