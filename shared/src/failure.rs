//! What could not be done: what was tried on what, why, and what to do about it.

use std::fmt;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::codes::Code;
use crate::exit::Exit;

/// An error as a person and a program see it.
///
/// The message says what was tried on what, in lower case and without a full stop; `because` adds why; the hint says
/// what to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure(Box<Inner>);

#[derive(Clone, Debug, PartialEq)]
struct Inner {
    code: &'static Code,
    exit: Exit,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
    place: Option<Place>,
    aws: Option<AwsError>,
}

/// Where in the input something is wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Place {
    /// Line of the whole input, from 1.
    pub line: usize,
    /// Column in that line, in bytes, from 1.
    pub column: usize,
}

/// What AWS said. Always complete, so that support can be asked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AwsError {
    /// `ec2`, `elasticache`, `iam`, `sts`.
    pub service: String,
    /// `AuthorizeSecurityGroupIngress`.
    pub operation: String,
    /// AWS's own code, where the service answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// AWS's request id, where the service answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// How often the call was sent.
    pub attempts: u32,
}

impl Failure {
    /// A failure with its code and what was tried.
    pub fn new(code: &'static Code, message: impl Into<String>) -> Self {
        let (exit, message) = (code.exit, message.into());
        Self(Box::new(Inner { code, exit, message, causes: Vec::new(), hint: None, place: None, aws: None }))
    }

    /// Leads to another exit code than the table names: which signal came is not known before it comes.
    #[must_use]
    pub(crate) fn exiting(mut self, exit: Exit) -> Self {
        self.0.exit = exit;
        self
    }

    /// Adds why it failed: one more cause behind the ones that are there.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.0.causes.push(cause.to_string());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Says where in the input it is.
    #[must_use]
    pub fn at(mut self, line: usize, column: usize) -> Self {
        self.0.place = Some(Place { line, column });
        self
    }

    /// Adds what AWS said.
    #[must_use]
    pub fn aws(mut self, aws: AwsError) -> Self {
        self.0.aws = Some(aws);
        self
    }

    /// The entry in the table of codes.
    pub fn code(&self) -> &'static Code {
        self.0.code
    }

    /// AWS's own error code, where AWS answered.
    pub fn aws_code(&self) -> Option<&str> {
        self.0.aws.as_ref()?.code.as_deref()
    }

    /// The action that the call takes in the words of IAM, `ec2:DescribeSubnets`, where it was a call to AWS.
    pub fn aws_action(&self) -> Option<String> {
        self.0.aws.as_ref().map(|aws| format!("{}:{}", aws.service, aws.operation))
    }

    /// How often the call was sent that AWS answered so. An attempt before the last may have been carried out.
    pub fn attempts(&self) -> u32 {
        self.0.aws.as_ref().map_or(1, |aws| aws.attempts)
    }

    /// The exit code that this failure leads to.
    pub fn exit(&self) -> Exit {
        self.0.exit
    }

    /// Whether the same command, run again, may get further without anything else being mended.
    fn is_retryable(&self) -> bool {
        self.exit() == Exit::Temporary || self.exit().is_signal()
    }

    /// The hint, if there is one.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for cause in &self.0.causes {
            write!(f, ": {cause}")?;
        }
        if let Some(place) = &self.0.place {
            write!(f, " at line {} column {}", place.line, place.column)?;
        }
        if let Some(aws) = &self.0.aws {
            let code = aws.code.as_deref().unwrap_or("no answer");
            let plural = if aws.attempts == 1 { "" } else { "s" };
            write!(f, " [{} {}: {code}, {} attempt{plural}", aws.service, aws.operation, aws.attempts)?;
            if let Some(id) = &aws.request_id {
                write!(f, ", request {id}")?;
            }
            f.write_str("]")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// The object that stands as `error` in a section, and on stderr with `--error-format json`.
impl Serialize for Failure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let inner = &self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", inner.code.id)?;
        map.serialize_entry("exit", &inner.exit.number())?;
        map.serialize_entry("message", &inner.message)?;
        if !inner.causes.is_empty() {
            map.serialize_entry("causes", &inner.causes)?;
        }
        if let Some(hint) = &inner.hint {
            map.serialize_entry("hint", hint)?;
        }
        map.serialize_entry("retryable", &self.is_retryable())?;
        if let Some(place) = &inner.place {
            map.serialize_entry("at", place)?;
        }
        if let Some(aws) = &inner.aws {
            map.serialize_entry("aws", aws)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;

    #[test]
    fn the_line_says_what_was_tried_then_why_then_what_aws_said() {
        let failure =
            Failure::new(&codes::ACCESS_DENIED, "cannot add a rule to sg-1").because("not authorized").aws(AwsError {
                service: "ec2".into(),
                operation: "AuthorizeSecurityGroupIngress".into(),
                code: Some("UnauthorizedOperation".into()),
                request_id: Some("req-1".into()),
                attempts: 1,
            });
        assert_eq!(
            failure.to_string(),
            "cannot add a rule to sg-1: not authorized \
             [ec2 AuthorizeSecurityGroupIngress: UnauthorizedOperation, 1 attempt, request req-1]"
        );
    }

    #[test]
    fn as_json_absent_things_are_absent() {
        let json = serde_json::to_string(&Failure::new(&codes::SYNTAX, "cannot read stdin").at(3, 14)).unwrap();
        assert_eq!(
            json,
            r#"{"code":"EC9001","exit":2,"message":"cannot read stdin","retryable":false,"at":{"line":3,"column":14}}"#
        );
    }
}
