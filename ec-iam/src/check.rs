//! The verb `check`: of a connection where one is named, else of the account.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::Args;
use ec_shared::document::{Document, Section};
use ec_shared::flags::Common;
use ec_shared::output::Output;
use ec_shared::report::Report;
use ec_shared::run::{Input, Stage};
use ec_shared::{Exit, Failure};

use crate::cli::KEY;
use crate::clouds::Clouds;
use crate::connection::{self, Asked};
use crate::lookup;
use crate::posture::{self, Files};
use crate::principal::Principal;
use crate::who::{Whom, checked_user};

/// Flags of `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckFlags {
    #[command(flatten)]
    whom: Whom,
    /// Checks the account, even where a document names a cache
    #[arg(long, conflicts_with_all = ["principal", "cache"])]
    account: bool,
    /// Checks the account from saved output of the AWS CLI below this folder instead of asking AWS: every *.json, and the
    /// credential report as *.csv
    #[arg(long, value_name = "DIR", conflicts_with_all = ["principal", "cache"])]
    from_files: Option<PathBuf>,
}

/// Checks the connection of every document that has a cache, and the account once for all others.
///
/// # Errors
/// What ends the run: input that cannot be read, and saved answers that cannot.
pub(crate) fn run(
    flags: &CheckFlags,
    clouds: &mut Clouds,
    common: &Common,
    output: &mut Output,
) -> Result<Exit, Failure> {
    // Asking is free: of roles, too, that are AWS's to change.
    let principal = flags.whom.principal.as_deref().map(Principal::any).transpose()?;
    let (user, named) = (flags.whom.user()?, flags.whom.document()?);
    let files = flags.from_files.as_deref().map(Files::read).transpose()?;
    let is_account = flags.account || files.is_some();
    let mut checked: Option<Section> = None;
    let stage = Stage { key: KEY, command: "check", report };
    stage.run(Input::choose(common, named, true)?, output, |document, output| {
        let before: Option<Section> = document.read(KEY)?;
        let region = document.cache()?.and_then(|cache| cache.region);
        if !is_account && (principal.is_some() || document.cache()?.is_some()) {
            let cloud = clouds.at(region, output)?;
            let fact = |name: &str| before.as_ref()?.facts.get(name)?.as_str();
            let asked = Asked {
                principal: match &principal {
                    Some(principal) => Some(principal.clone()),
                    None => fact("principal").map(Principal::any).transpose()?,
                },
                user: user.clone().map_or_else(|| checked_user(fact("user")), |user| Ok(Some(user)))?,
            };
            let cache = lookup::complete(cloud, document)?;
            return connection::check(cloud, &asked, cache.as_ref());
        }
        let section = match (&checked, &files) {
            (Some(section), _) => section.clone(),
            // What was saved is judged as of then: the same files give the same answer tomorrow.
            (None, Some(files)) => posture::check(files, files.saved_at().unwrap_or_else(SystemTime::now)),
            (None, None) => posture::check(clouds.at(None, output)?, SystemTime::now()),
        };
        checked = Some(section.clone());
        Ok(keep(before.as_ref(), section))
    })
}

/// For whom an earlier verb has worked stays known to later ones.
fn keep(before: Option<&Section>, section: Section) -> Section {
    let facts = ["principal", "user"].into_iter();
    let facts = facts.filter_map(|name| Some((name, before?.facts.get(name)?)));
    facts.fold(section, |section, (name, fact)| section.fact(name, fact))
}

fn report(document: &Document, section: &Section, report: &mut Report) {
    // The first check of a connection, and none of an account.
    let is_connection = match section.facts.get("checks") {
        Some(rows) => rows[0]["check"] == "service_linked_role",
        None => document.cache().is_ok_and(|cache| cache.is_some()),
    };
    let report_about = if is_connection { connection::report } else { posture::report };
    report_about(document, section, report);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ec_shared::document::Status;

    #[test]
    fn for_whom_an_earlier_verb_has_worked_stays_known() {
        let before = Section::new("apply", Status::Changed).fact("principal", "role/app").fact("user", "app");
        let kept = keep(Some(&before), Section::new("check", Status::Ok));
        assert_eq!((&kept.facts["principal"], &kept.facts["user"]), (&"role/app".into(), &"app".into()));
        assert!(keep(None, Section::new("check", Status::Ok)).facts.is_empty());
    }
}
