//! The manual page of a tool: one page for all its verbs, since each has only a few flags of its own.

use std::io;

use clap::Command;
use clap_mangen::Man;

/// The page as roff.
///
/// # Errors
/// None but those of writing into memory.
pub(crate) fn page(command: &Command) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    Man::new(command.clone()).render(&mut head)?;
    let mut page = String::from_utf8_lossy(&head).into_owned();
    let tool = command.get_name().replace('-', "\\-");
    for verb in command.get_subcommands() {
        // The generator refers to a page for each verb.
        let name = verb.get_name();
        page = page.replace(&format!("{tool}\\-{}(1)", name.replace('-', "\\-")), &format!("{tool} {name}"));
        if verb.get_arguments().next().is_some() {
            let mut text = Vec::new();
            Man::new(verb.clone()).render_options_section(&mut text)?;
            let heading = format!(".SH \"{} {}\"", tool.to_uppercase(), name.to_uppercase());
            page.push_str(&String::from_utf8_lossy(&text).replacen(".SH OPTIONS", &heading, 1));
        }
    }
    Ok(page.into_bytes())
}
