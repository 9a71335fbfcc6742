//! Results that were written before, read again from where they stand.

use ec_shared::document::Document;
use ec_shared::document::records::{Record, Records};

/// The documents of a text that is one record; none if it is not, such as the last line of a run that was killed.
pub(crate) fn documents(text: &[u8]) -> Option<Vec<Document>> {
    record(text)?.documents().ok()
}

/// A text that is one record, as one line.
pub(crate) fn line(text: &[u8]) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    record(text)?.write_line(&mut line);
    Some(line)
}

fn record(text: &[u8]) -> Option<Record> {
    let mut records = Records::new(text);
    while records.fill().ok()? {}
    let record = records.take().ok()??;
    records.take().ok()?.is_none().then_some(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_whole_record() {
        const ONE: &str = r#"{"kind":"ec.connection","format_version":"1.0","id":"a"}"#;
        let twice = [ONE, ONE].concat();
        for (text, count) in
            [(ONE, Some(1)), (&ONE[..50], None), ("", None), (&twice, None), ("oh, no", None), ("{}", None)]
        {
            assert_eq!(documents(text.as_bytes()).map(|documents| documents.len()), count, "{text}");
        }
    }
}
