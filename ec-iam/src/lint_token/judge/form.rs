//! Whether a token is one: whole, bare, and of the parameters that tokens have.

use ec_shared::document::{Finding, Severity};

use super::{Aspect, Judge};
use crate::codes;
use crate::lint_token::parts::{Flaw, KNOWN};
use crate::lint_token::peel::Peeled;

/// Ways of encoding that are not SigV4's, and what is said of them.
const FLAWS: [(Flaw, Severity, &str); 4] = [
    (Flaw::Twice, Severity::Error, "is percent-encoded twice"),
    (Flaw::Broken, Severity::Error, "has a % that encodes nothing"),
    (Flaw::Plus, Severity::Warning, "has a +, which some read as a space: it is written %2B, and a space %20"),
    (Flaw::Bare, Severity::Warning, "has characters that are signed percent-encoded and stand as they are"),
];

impl Judge<'_> {
    /// What stood around the token before it was taken apart.
    pub(super) fn wrapping(&mut self, peeled: &Peeled) {
        if !peeled.around.is_empty() {
            let summary = format!("the token is not bare: {}", peeled.around.join(", "));
            let finding = Finding::new(&codes::TOKEN_WRAPPED, Severity::Error, summary);
            self.tell(Aspect::Form, finding.evidence("found", &peeled.around).fix(codes::TOKEN_WRAPPED.fix));
        }
        if !peeled.escaped.is_empty() {
            let summary = format!("the finished token was escaped once more: {}", peeled.escaped.join(", "));
            let finding = Finding::new(&codes::TOKEN_ENCODING, Severity::Error, summary);
            self.tell(Aspect::Form, finding.evidence("found", &peeled.escaped).fix("give the token as it was printed"));
        }
    }

    pub(super) fn form(&mut self) {
        self.seen.is_whole = !self.is_cut;
        if let Some(scheme) = self.parts.scheme {
            let finding = Finding::new(&codes::TOKEN_SCHEME, Severity::Error, format!("{scheme}:// stands in front"));
            self.tell(Aspect::Form, finding.fix(format!("cut {scheme}:// off; the rest may stay as it is")));
        }
        match self.parts.path.as_str() {
            "/" => {}
            "" => self.wrong(Aspect::Form, &codes::TOKEN_PATH, "there is no / between the name and the ?"),
            _ => self.wrong(Aspect::Form, &codes::TOKEN_PATH, "the path is not /"),
        }
        if self.is_cut {
            let missing: Vec<&str> = self.missing().collect();
            let summary = format!("its end is missing: {}", missing.join(", "));
            let finding = Finding::new(&codes::TOKEN_TRUNCATED, Severity::Error, summary);
            self.tell(Aspect::Form, finding.evidence("missing", missing).fix(codes::TOKEN_TRUNCATED.fix));
        }
        self.parameters();
        self.encoding();
    }

    /// What a signer adds to every token, and this one lacks.
    fn missing(&self) -> impl Iterator<Item = &'static str> {
        let signed = KNOWN.into_iter().filter(|name| name.starts_with("X-Amz-") && *name != "X-Amz-Security-Token");
        signed.filter(|name| self.parts.get(name).is_none())
    }

    fn parameters(&mut self) {
        let names: Vec<&str> = self.parts.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
        let spelled = |known: &str| names.iter().filter(|name| name.eq_ignore_ascii_case(known)).copied().collect();
        let (mut twice, mut miswritten) = (Vec::new(), Vec::new());
        for known in KNOWN {
            let spelled: Vec<&str> = spelled(known);
            if spelled.len() > 1 {
                twice.push(known);
            }
            if spelled.iter().any(|name| *name != known) {
                miswritten.push(known);
            }
        }
        // A name that is not known may be a piece of a secret, so its place is told instead.
        let is_known = |name: &str| KNOWN.iter().any(|known| known.eq_ignore_ascii_case(name));
        let unknown = (1..).zip(&names).filter(|(_, name)| !is_known(name));
        let unknown: Vec<String> = unknown.map(|(place, _)| place.to_string()).collect();
        let count = names.len();
        if !twice.is_empty() {
            self.wrong(Aspect::Form, &codes::TOKEN_PARAMETER, format!("{} stands more than once", twice.join(", ")));
        }
        if !miswritten.is_empty() {
            let summary = format!("AWS compares case, and writes {}", miswritten.join(", "));
            self.wrong(Aspect::Form, &codes::TOKEN_PARAMETER, summary);
        }
        if !unknown.is_empty() {
            let summary = format!(
                "parameter {} of {count} is none that tokens have; whether ElastiCache takes it is not known",
                unknown.join(", ")
            );
            let finding = Finding::new(&codes::TOKEN_PARAMETER, Severity::Warning, summary);
            self.tell(Aspect::Form, self.signed_anew(finding));
        }
    }

    fn encoding(&mut self) {
        for (flaw, severity, what) in FLAWS {
            let flawed = self.parts.parameters.iter().filter(|parameter| parameter.flaw == Some(flaw));
            let known = |name: &str| KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(name));
            let names: Vec<&str> =
                flawed.map(|parameter| known(&parameter.name).unwrap_or("another parameter")).collect();
            if !names.is_empty() {
                let finding = Finding::new(&codes::TOKEN_ENCODING, severity, format!("{} {what}", names.join(", ")));
                self.tell(Aspect::Form, finding.evidence("parameters", names).fix(codes::TOKEN_ENCODING.fix));
            }
        }
    }
}
