//! What of a token may be shown: names and dates are, what could be a piece of a secret is not.

/// Stands for what is not shown.
pub(super) const HIDDEN: &str = "(not shown)";
/// The longest run of mixed letters and digits that is shown: a quarter of a signature, which is worth nothing.
const RUN: usize = 16;

/// A part of a token, as it may be shown.
pub(super) fn shown(text: &str) -> &str {
    if is_harmless(text) { text } else { HIDDEN }
}

/// Whether a text looks like a name. A token that was cut and joined may have a piece of its signature where a name
/// should stand, so that the place alone tells nothing.
pub(super) fn is_harmless(text: &str) -> bool {
    text.len() <= 128
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._;".contains(&byte))
        && text.split(|c: char| !c.is_ascii_alphanumeric()).all(is_harmless_run)
}

fn is_harmless_run(run: &str) -> bool {
    run.len() <= RUN
        || run.bytes().all(|byte| byte.is_ascii_lowercase())
        || run.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// An access key id as it may be shown: `ASIA…MPLE`.
pub(super) fn masked(key_id: &str) -> String {
    if key_id.len() < 10 || !key_id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return HIDDEN.to_owned();
    }
    format!("{}…{}", &key_id[..4], &key_id[key_id.len() - 4..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_and_pieces_of_secrets_are_not() {
        for name in [
            "orders",
            "my-rg-01",
            "default.iam-user",
            "orders-x1y2z3.serverless.use1.cache.amazonaws.com",
            "productionorderscachecluster",
            "20240101",
            "host;x-amz-date",
        ] {
            assert_eq!(shown(name), name);
        }
        for secret in [
            "b7c70a8a1a3bc251f9c2fe571af1fbe5",
            "IQoJb3JpZ2luX2VjEXAMPLE",
            "wJalrXUtnFEMI/K7MDENG",
            "hunter2 hunter2",
            "pass%20word",
        ] {
            assert_eq!(shown(secret), HIDDEN, "{secret}");
        }
    }

    #[test]
    fn of_a_key_id_the_ends_are_shown() {
        assert_eq!(masked("ASIAIOSFODNN7EXAMPLE"), "ASIA…MPLE");
        assert_eq!(masked("test"), HIDDEN);
        assert_eq!(masked("ключключ"), HIDDEN);
    }
}
