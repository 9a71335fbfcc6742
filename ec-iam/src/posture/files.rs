//! The posture from answers that the AWS CLI has printed: no credentials, no network.
//!
//! Every `*.json` below a folder is read, whatever its name, and its top-level key says what it is; a `*.csv` is the
//! credential report if its first column is called so. `sso-admin list-managed-policies-in-permission-set` does not name
//! its permission set: a member of ours, `PermissionSetArn`, does, else the `ps-…` in the file's name.

mod output;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use ec_shared::{Failure, saved};
use jiff::Timestamp;

use super::Answer;
use super::credentials::CredentialReport;
use super::source::{Assignment, Instance, Source, Summary, Who};
use crate::codes;
use output::{AccountAssignment, Detail, InstanceMetadata, Output, Word};

/// What the files tell.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// An ARN of the account, and the file that it stands in.
    account: Option<(String, PathBuf)>,
    caller: Option<String>,
    summary: Option<Summary>,
    report: Option<CredentialReport>,
    aliases: Option<Vec<Word>>,
    /// By ARN; with the managed policies.
    roles: Option<BTreeMap<String, Vec<String>>>,
    instances: Option<Vec<Instance>>,
    /// The permission sets in the account; none if no file lists them all.
    sets: Option<Vec<String>>,
    assignments: Vec<AccountAssignment>,
    /// By the id of the permission set, `ps-…`.
    policies: HashMap<String, Vec<String>>,
    /// By the id of the permission set, `ps-…`.
    names: HashMap<String, String>,
}

impl Files {
    /// Reads all answers below a folder.
    ///
    /// # Errors
    /// `EC2051` for a file that cannot be taken for output of the AWS CLI, and for a folder without any; `EC2052` for
    /// answers about two accounts; `EC2060` for a credential report that is malformed; `EC9021` if something cannot be read.
    pub(crate) fn read(folder: &Path) -> Answer<Self> {
        let mut files = Self::default();
        let mut is_any = false;
        for path in saved::files_below(folder, &["json", "csv"])? {
            let bytes = saved::read(&path)?;
            if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("csv")) {
                // Others, such as the one that the console gives with a new access key, are none of our business.
                if bytes.starts_with(b"user") || bytes.starts_with(b"\"user\"") {
                    files.take_report(&bytes, None, &path)?;
                    is_any = true;
                }
                continue;
            }
            for output in serde_json::Deserializer::from_slice(&bytes).into_iter::<Output>() {
                let output = output.map_err(|error| refused(&path, &error.to_string()))?;
                if output.counts() {
                    files.take(output, &path)?;
                    is_any = true;
                }
            }
        }
        if is_any {
            return Ok(files);
        }
        let what = format!("there is no answer about an account below {}", folder.display());
        Err(Failure::new(&codes::SAVED_ANSWERS, what)
            .hint("save some: aws iam get-account-summary > DIR/summary.json; aws iam get-credential-report > DIR/report.json"))
    }

    /// As of when the files tell: when AWS made the credential report, where that is known.
    pub(crate) fn saved_at(&self) -> Option<SystemTime> {
        self.report.as_ref()?.generated.map(SystemTime::from)
    }

    /// Takes one output in.
    fn take(&mut self, output: Output, path: &Path) -> Answer<()> {
        if output.is_truncated == Some(true) || output.next_token.is_some() {
            return Err(refused(path, "the output is cut off"));
        }
        if let (Some(Word(arn)), Some(_)) = (output.arn, output.user_id) {
            self.belongs(&arn, path)?;
            self.caller = Some(arn);
        }
        if let Some(map) = output.summary_map {
            self.summary = Some(Summary::of(&map));
        }
        if let (Some(content), Some("text/csv")) = (output.content, output.report_format.as_deref()) {
            let bytes =
                base64_simd::STANDARD.decode_to_vec(content).map_err(|_| refused(path, "Content is not in base64"))?;
            let generated = output.generated_time.as_deref().map(str::parse::<Timestamp>).transpose();
            let generated = generated.map_err(|_| refused(path, "GeneratedTime is no time"))?;
            self.take_report(&bytes, generated, path)?;
        }
        if let Some(aliases) = output.account_aliases {
            self.aliases = Some(aliases);
        }
        if let Some(users) = output.user_detail_list {
            users.first().map_or(Ok(()), |user| self.belongs(&user.arn.0, path))?;
        }
        // Every account has roles: an empty list comes from a --filter that leaves them out.
        if let Some(roles) = output.role_detail_list.filter(|roles| !roles.is_empty()) {
            self.belongs(&roles[0].arn.0, path)?;
            let policies = |role: Detail| role.attached_managed_policies.into_iter().map(|each| each.policy_arn);
            let roles = roles.into_iter().map(|role| (role.arn.0.clone(), policies(role).collect()));
            self.roles.get_or_insert_default().extend(roles);
        }
        if let Some(instances) = output.instances {
            self.instances.get_or_insert_default().extend(instances.into_iter().map(instance));
        }
        if let Some(sets) = output.permission_sets {
            self.sets.get_or_insert_default().extend(sets.into_iter().map(|set| set.0));
        }
        self.assignments.extend(output.account_assignments.into_iter().flatten());
        let of = output.permission_set_arn.map(|arn| id(&arn.0).to_owned()).or_else(|| id_in_name(path));
        if let (Some(policies), Some(of)) = (output.attached_managed_policies, of) {
            self.policies.entry(of).or_default().extend(policies.into_iter().map(|policy| policy.arn.0));
        }
        if let Some(set) = output.permission_set {
            self.names.insert(id(&set.permission_set_arn.0).to_owned(), set.name.0);
        }
        Ok(())
    }

    /// Of two reports the newer one counts; one that does not say when it was made is the older one.
    fn take_report(&mut self, text: &[u8], generated: Option<Timestamp>, path: &Path) -> Answer<()> {
        let what = format!("the credential report in {}", path.display());
        let report = CredentialReport::parse(text, generated, &what)?;
        if let Some(row) = report.users.first() {
            self.belongs(&row.arn, path)?;
        }
        if self.report.as_ref().is_none_or(|before| before.generated <= report.generated) {
            self.report = Some(report);
        }
        Ok(())
    }

    /// All files are about one account: the summary does not say about which.
    fn belongs(&mut self, arn: &str, path: &Path) -> Answer<()> {
        let account = |arn: &str| arn.split(':').nth(4).unwrap_or_default().to_owned();
        let (before, place) = self.account.get_or_insert_with(|| (arn.to_owned(), path.to_owned()));
        if account(before) == account(arn) {
            return Ok(());
        }
        let what = format!("cannot take {} and {} together", place.display(), path.display());
        Err(Failure::new(&codes::SEVERAL_ACCOUNTS, what)
            .because(format!("one is about account {}, the other about {}", account(before), account(arn)))
            .hint("keep the answers of each account in a folder of its own"))
    }
}

impl Source for Files {
    fn who(&self) -> Answer<Who> {
        self.caller.clone().map(Who::Saved).ok_or_else(|| not_saved("the caller", "aws sts get-caller-identity"))
    }

    fn summary(&self) -> Answer<Summary> {
        self.summary.ok_or_else(|| not_saved("the account summary", "aws iam get-account-summary"))
    }

    fn credential_report(&self) -> Answer<Option<CredentialReport>> {
        let command = "aws iam generate-credential-report, then aws iam get-credential-report";
        self.report.clone().map(Some).ok_or_else(|| not_saved("the credential report", command))
    }

    /// Does not come to it: a report that was saved is one that counts.
    fn generate_credential_report(&self) -> Answer<()> {
        Ok(())
    }

    fn alias(&self) -> Answer<Option<String>> {
        let aliases = self.aliases.as_ref().map(|all| all.first().map(|alias| alias.0.clone()));
        aliases.ok_or_else(|| not_saved("the account's alias", "aws iam list-account-aliases"))
    }

    fn roles_below(&self, path: &str) -> Answer<Vec<String>> {
        let start = format!("role{path}");
        let is_below = |arn: &&String| arn.splitn(6, ':').nth(5).is_some_and(|resource| resource.starts_with(&start));
        let roles = self.roles.as_ref().map(|roles| roles.keys().filter(is_below).cloned().collect());
        roles.ok_or_else(|| not_saved("the roles of the account", "aws iam get-account-authorization-details"))
    }

    fn policies_of_role(&self, role: &str) -> Answer<Vec<String>> {
        let roles = self.roles.iter().flatten();
        let found = roles.filter(|(arn, _)| arn.rsplit('/').next() == Some(role)).map(|(_, policies)| policies.clone());
        Ok(found.flatten().collect())
    }

    fn instances(&self) -> Answer<Vec<Instance>> {
        let what = "the instances of IAM Identity Center";
        self.instances.clone().ok_or_else(|| not_saved(what, "aws sso-admin list-instances"))
    }

    /// Somebody's assignment shows a permission set, too; but only a list shows that there are no others.
    fn permission_sets(&self, instance: &str, account: &str) -> Answer<Vec<String>> {
        let assigned = self.assignments.iter().filter(|each| each.account_id.0 == account);
        let mut sets: Vec<String> = assigned.map(|each| each.permission_set_arn.0.clone()).collect();
        sets.extend(self.sets.iter().flatten().cloned());
        sets.sort();
        sets.dedup();
        if self.sets.is_none() && !sets.iter().any(|set| self.is_administrators(set)) {
            let command = "aws sso-admin list-permission-sets-provisioned-to-account";
            let command = format!("{command} --instance-arn {instance} --account-id {account}");
            return Err(not_saved("the permission sets of the account", &command));
        }
        Ok(sets)
    }

    fn name_of_set(&self, instance: &str, set: &str) -> Answer<String> {
        let command = "aws sso-admin describe-permission-set";
        let command = format!("{command} --instance-arn {instance} --permission-set-arn {set}");
        self.names.get(id(set)).cloned().ok_or_else(|| not_saved("the name of a permission set", &command))
    }

    fn policies_of_set(&self, instance: &str, set: &str) -> Answer<Vec<String>> {
        let policies = self.policies.get(id(set)).cloned();
        policies.ok_or_else(|| {
            let command = "aws sso-admin list-managed-policies-in-permission-set";
            let command = format!("{command} --instance-arn {instance} --permission-set-arn {set} > {}.json", id(set));
            not_saved("the policies of a permission set", &command)
        })
    }

    fn assignments(&self, instance: &str, account: &str, set: &str) -> Answer<Vec<Assignment>> {
        let assigned = self.assignments.iter();
        let assigned = assigned.filter(|each| each.account_id.0 == account && each.permission_set_arn.0 == set);
        let assigned: Vec<Assignment> = assigned
            .map(|each| Assignment {
                principal_type: each.principal_type.0.clone(),
                principal_id: each.principal_id.0.clone(),
            })
            .collect();
        if !assigned.is_empty() {
            return Ok(assigned);
        }
        let command = format!("--instance-arn {instance} --account-id {account} --permission-set-arn {set}");
        Err(not_saved("who holds a permission set", &format!("aws sso-admin list-account-assignments {command}")))
    }

    fn any_arn(&self) -> Option<String> {
        self.account.as_ref().map(|(arn, _)| arn.clone())
    }

    fn pause(&self, _: Duration) {}
}

impl Files {
    fn is_administrators(&self, set: &str) -> bool {
        self.policies
            .get(id(set))
            .is_some_and(|policies| policies.iter().any(|each| super::center::is_administrator(each)))
    }
}

fn instance(from: InstanceMetadata) -> Instance {
    Instance {
        arn: from.instance_arn.0,
        identity_store: from.identity_store_id.map(|id| id.0),
        // Older versions of the AWS CLI print none, and show only what is ready.
        status: from.status.map_or_else(|| "ACTIVE".to_owned(), |status| status.0),
        region: from.primary_region.map(|region| region.0),
    }
}

/// `ps-0123456789abcdef` of a permission set's ARN.
fn id(set: &str) -> &str {
    set.rsplit('/').next().unwrap_or(set)
}

fn id_in_name(path: &Path) -> Option<String> {
    let name = path.file_stem()?.to_str()?;
    let id = &name[name.find("ps-")?..];
    let end = id[3..].find(|c: char| !c.is_ascii_alphanumeric()).map_or(id.len(), |end| end + 3);
    Some(id[..end].to_owned())
}

fn not_saved(what: &str, command: &str) -> Failure {
    Failure::new(&codes::NOT_DETERMINED, format!("nothing is saved about {what}"))
        .hint(format!("save the output of: {command}"))
}

fn refused(path: &Path, why: &str) -> Failure {
    Failure::new(&codes::SAVED_ANSWERS, format!("cannot take {} for output of the AWS CLI", path.display()))
        .because(why)
        .hint("save it anew with --output json and without --max-items; other files must not end in .json")
}

#[cfg(test)]
mod tests;
