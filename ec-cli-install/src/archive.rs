//! Unpacks a source tarball that nobody has to trust: it is held in memory, looked through as a whole, and refused as a
//! whole if one entry could write outside its directory or gain rights.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fmt::Display;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use ec_shared::Failure;
use flate2::read::MultiGzDecoder;
use tar::{Archive, Entry, EntryType};

use crate::codes;
use crate::shell::{Job, Shell};

/// The most that a tarball may hold unpacked. Valkey's holds 19 MB.
const MOST: u64 = 256 << 20;

/// What a tarball of Valkey's source is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inside {
    /// The directory that everything is in.
    pub top: PathBuf,
    /// Valkey's version, by its own `src/version.h`.
    pub version: String,
}

/// Takes the compression off. gzip is built in; for xz, the system's `xz` does it.
///
/// # Errors
/// `EC4022` if the bytes are damaged or compressed in another way, `EC4036` if there is no `xz`.
pub fn decompress(shell: &Shell, packed: &[u8]) -> Result<Vec<u8>, Failure> {
    if packed.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        MultiGzDecoder::new(packed).take(MOST + 1).read_to_end(&mut plain).map_err(damaged)?;
        return if plain.len() as u64 > MOST { Err(too_large()) } else { Ok(plain) };
    }
    if packed.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
        let xz = shell.need("xz").map_err(|failure| failure.hint("install xz (xz-utils), or give a .tar.gz"))?;
        let job =
            Job::new(xz, ["--decompress", "--stdout"]).input(packed).keep(usize::try_from(MOST).unwrap_or(usize::MAX));
        let ran = shell.run(&job.limit(Duration::from_secs(60)))?;
        return match () {
            () if ran.is_late => Err(damaged("xz does not come to an end of it")),
            () if ran.is_cut => Err(too_large()),
            () if !ran.is_success() => Err(damaged(String::from_utf8_lossy(&ran.stderr).trim())),
            () => Ok(ran.stdout),
        };
    }
    Err(damaged("it is compressed neither with gzip nor with xz"))
}

/// Looks through the whole archive, and says what it is about.
///
/// # Errors
/// `EC4023` if an entry must not be unpacked, `EC4022` if the archive is damaged, `EC4024` if it is not Valkey's source.
pub fn inspect(plain: &[u8]) -> Result<Inside, Failure> {
    let mut paths = HashSet::new();
    let mut links = Vec::new();
    let mut version = None;
    for entry in Archive::new(plain).entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let Some(item) = Item::of(&entry)? else { continue };
        if item.path.ends_with("src/version.h") && item.path.components().count() == 3 {
            let mut text = String::new();
            entry.read_to_string(&mut text).map_err(damaged)?;
            version = valkey_version(&text);
        }
        if item.kind != Kind::Directory && !paths.insert(item.path.clone()) {
            return Err(hostile(&item.path, "stands in the archive twice"));
        }
        if let Kind::Link(target) = item.kind {
            links.push((item.path, target));
        } else {
            paths.insert(item.path);
        }
    }
    let is_link: HashSet<&Path> = links.iter().map(|(path, _)| path.as_path()).collect();
    for path in &paths {
        if path.ancestors().skip(1).any(|above| is_link.contains(above)) {
            return Err(hostile(path, "lies behind a link"));
        }
    }
    for (path, target) in &links {
        stays_inside(path, target, &is_link).map_err(|why| hostile(path, why))?;
    }
    let tops: HashSet<&OsStr> = paths.iter().filter_map(|path| path.iter().next()).collect();
    let not_valkey =
        |why: &str| Failure::new(&codes::NOT_VALKEY, "cannot take this tarball for Valkey's source").because(why);
    let top = match tops.iter().next() {
        Some(top) if tops.len() == 1 => PathBuf::from(top),
        _ => return Err(not_valkey("it does not hold exactly one top directory")),
    };
    let version = version.ok_or_else(|| not_valkey("it has no src/version.h with a Valkey version"))?;
    Ok(Inside { top, version })
}

/// Unpacks an archive that [`inspect`] has passed into the empty directory `into`.
///
/// # Errors
/// `EC4022`, or `EC4023` as [`inspect`]; `EC9022` if the disk refuses.
pub fn unpack(plain: &[u8], into: &Path) -> Result<(), Failure> {
    for entry in Archive::new(plain).entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        if let Some(item) = Item::of(&entry)? {
            item.write(&mut entry, into).map_err(|error| {
                let what = format!("cannot unpack {} into {}", item.path.display(), into.display());
                Failure::new(&ec_shared::codes::WRITE, what).because(error)
            })?;
        }
    }
    Ok(())
}

/// An entry that may be unpacked.
struct Item {
    path: PathBuf,
    kind: Kind,
    modified: SystemTime,
}

#[derive(PartialEq, Eq)]
enum Kind {
    File { is_program: bool },
    Directory,
    Link(PathBuf),
}

impl Item {
    /// The entry, if it may be unpacked; none for the entries that only tell about others.
    fn of<R: Read>(entry: &Entry<'_, R>) -> Result<Option<Self>, Failure> {
        let header = entry.header();
        let name = entry.path_bytes();
        let refused = |why| hostile(Path::new(OsStr::from_bytes(&name)), why);
        let mode = header.mode().map_err(damaged)?;
        let target = || entry.link_name_bytes().map(|bytes| PathBuf::from(OsStr::from_bytes(&bytes)));
        let kind = match header.entry_type() {
            EntryType::XGlobalHeader => return Ok(None),
            EntryType::Regular => Kind::File { is_program: mode & 0o111 != 0 },
            EntryType::Directory => Kind::Directory,
            EntryType::Symlink => Kind::Link(target().ok_or_else(|| refused("is a link to nothing"))?),
            _ => return Err(refused("is neither a file, a directory nor a symbolic link")),
        };
        if mode & 0o6000 != 0 {
            return Err(refused("sets a user or group id"));
        }
        let path = plain_path(&name).map_err(refused)?;
        if path.as_os_str().is_empty() {
            return if kind == Kind::Directory { Ok(None) } else { Err(refused("has no name")) };
        }
        let modified = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(header.mtime().map_err(damaged)?));
        Ok(Some(Self { path, kind, modified: modified.unwrap_or(SystemTime::UNIX_EPOCH) }))
    }

    fn write(&self, content: &mut impl Read, into: &Path) -> io::Result<()> {
        let path = into.join(&self.path);
        let make = |dir: &Path| fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
        match &self.kind {
            Kind::Directory => make(&path),
            Kind::Link(target) => {
                make(path.parent().unwrap_or(into))?;
                symlink(target, path)
            }
            Kind::File { is_program } => {
                make(path.parent().unwrap_or(into))?;
                let mode = if *is_program { 0o700 } else { 0o600 };
                let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
                io::copy(content, &mut file)?;
                file.flush()?;
                self.date(&file)
            }
        }
    }

    /// make compares times: files that look newer than what was generated from them would be generated again, by
    /// programs that may not be here.
    fn date(&self, file: &File) -> io::Result<()> {
        file.set_modified(self.modified)
    }
}

/// A path below the directory of the archive, without `.`.
fn plain_path(bytes: &[u8]) -> Result<PathBuf, &'static str> {
    if bytes.contains(&0) {
        return Err("has a NUL byte in its name");
    }
    let mut plain = PathBuf::new();
    for component in Path::new(OsStr::from_bytes(bytes)).components() {
        match component {
            Component::Normal(name) => plain.push(name),
            Component::CurDir => {}
            Component::ParentDir => return Err("climbs out with `..`"),
            Component::RootDir | Component::Prefix(_) => return Err("is absolute"),
        }
    }
    Ok(plain)
}

/// Follows a link by its text. It may climb, but not above the archive, and not by way of another link, whose text would
/// not tell where it ends.
fn stays_inside(link: &Path, target: &Path, is_link: &HashSet<&Path>) -> Result<(), &'static str> {
    let mut at = link.parent().map(Path::to_path_buf).unwrap_or_default();
    for component in target.components() {
        if is_link.contains(at.as_path()) {
            return Err("links by way of another link");
        }
        match component {
            Component::Normal(name) => at.push(name),
            Component::CurDir => {}
            Component::ParentDir if at.pop() => {}
            Component::ParentDir => return Err("links out of the archive"),
            Component::RootDir | Component::Prefix(_) => return Err("links to an absolute path"),
        }
    }
    Ok(())
}

/// The version that `#define VALKEY_VERSION "8.1.1"` names.
fn valkey_version(header: &str) -> Option<String> {
    let value = header.lines().find_map(|line| line.strip_prefix("#define VALKEY_VERSION "))?;
    let version = value.trim().trim_matches('"');
    let is_plain = version.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    (is_plain && !version.is_empty()).then(|| version.to_owned())
}

fn damaged(why: impl Display) -> Failure {
    Failure::new(&codes::BAD_ARCHIVE, "cannot read the tarball").because(why).hint("download it again")
}

fn too_large() -> Failure {
    damaged(format_args!("it holds more than {} MiB", MOST >> 20))
}

fn hostile(path: &Path, why: &str) -> Failure {
    Failure::new(&codes::HOSTILE_ARCHIVE, "will not unpack the tarball")
        .because(format_args!("`{}` {why}", path.display().to_string().escape_debug()))
        .hint("do not use this tarball; look at where it came from")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tar::{Builder, Header};

    use super::*;

    const VERSION_H: &[u8] = b"/* */\n#define SERVER_NAME \"valkey\"\n#define VALKEY_VERSION \"8.1.1\"\n";

    /// Appends an entry whose name and target no well-behaved archiver would write.
    fn append(archive: &mut Builder<Vec<u8>>, kind: EntryType, name: &str, target: &str, mode: u32, content: &[u8]) {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_mtime(1_000_000_000);
        header.set_size(content.len() as u64);
        header.set_cksum();
        archive.append(&header, content).unwrap();
    }

    fn valkey() -> Builder<Vec<u8>> {
        let mut archive = Builder::new(Vec::new());
        append(&mut archive, EntryType::XGlobalHeader, "pax_global_header", "", 0o644, b"");
        append(&mut archive, EntryType::Directory, "v/", "", 0o775, b"");
        append(&mut archive, EntryType::Regular, "v/src/version.h", "", 0o664, VERSION_H);
        append(&mut archive, EntryType::Regular, "v/src/mkreleasehdr.sh", "", 0o775, b"#!/bin/sh\n");
        archive
    }

    fn with(kind: EntryType, name: &str, target: &str, mode: u32) -> Result<Inside, Failure> {
        let mut archive = valkey();
        append(&mut archive, kind, name, target, mode, b"");
        inspect(&archive.into_inner().unwrap())
    }

    fn code(result: Result<impl std::fmt::Debug, Failure>) -> &'static str {
        result.unwrap_err().code().id
    }

    #[test]
    fn a_tarball_is_known_by_what_is_in_it_and_not_by_its_name() {
        let inside = inspect(&valkey().into_inner().unwrap()).unwrap();
        assert_eq!(inside, Inside { top: "v".into(), version: "8.1.1".into() });
    }

    #[test]
    fn files_are_unpacked_with_their_times_and_without_the_rights_of_others() {
        let dir = tempfile::tempdir().unwrap();
        let mut archive = valkey();
        append(&mut archive, EntryType::Symlink, "v/deps/link", "../src/version.h", 0o777, b"");
        let plain = archive.into_inner().unwrap();
        inspect(&plain).unwrap();
        unpack(&plain, dir.path()).unwrap();
        let meta = |name: &str| dir.path().join(name).metadata().unwrap();
        assert_eq!(meta("v/src/mkreleasehdr.sh").permissions().mode() & 0o7777, 0o700);
        assert_eq!(meta("v/src/version.h").permissions().mode() & 0o7777, 0o600);
        assert_eq!(meta("v/src").permissions().mode() & 0o7777, 0o700);
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        assert_eq!(meta("v/src/version.h").modified().unwrap(), time);
        assert_eq!(fs::read(dir.path().join("v/deps/link")).unwrap(), VERSION_H);
    }

    #[test]
    fn an_entry_that_could_write_elsewhere_or_gain_rights_condemns_the_archive() {
        use EntryType as E;
        for (kind, name, target, mode) in [
            (E::Regular, "../evil", "", 0o644),
            (E::Regular, "v/../../evil", "", 0o644),
            (E::Regular, "/etc/evil", "", 0o644),
            (E::Symlink, "v/out", "/etc/passwd", 0o777),
            (E::Symlink, "v/out", "../../etc/passwd", 0o777),
            (E::Link, "v/hard", "v/src/version.h", 0o644),
            (E::Regular, "v/setuid", "", 0o4755),
            (E::Regular, "v/setgid", "", 0o2755),
            (E::Char, "v/null", "", 0o666),
            (E::Block, "v/disk", "", 0o666),
            (E::Fifo, "v/pipe", "", 0o666),
            (E::Regular, "v/src/version.h", "", 0o644),
            (E::Regular, "", "", 0o644),
        ] {
            assert_eq!(code(with(kind, name, target, mode)), "EC4023", "{name} -> {target}");
        }
    }

    #[test]
    fn a_path_behind_a_link_is_refused_whichever_comes_first() {
        for order in [[0, 1], [1, 0]] {
            let mut archive = valkey();
            for step in order {
                match step {
                    0 => append(&mut archive, EntryType::Symlink, "v/s", "src", 0o777, b""),
                    _ => append(&mut archive, EntryType::Regular, "v/s/file", "", 0o644, b""),
                }
            }
            assert_eq!(code(inspect(&archive.into_inner().unwrap())), "EC4023");
        }
    }

    #[test]
    fn a_link_that_climbs_by_way_of_another_link_is_refused() {
        let mut archive = valkey();
        // `up` is the top directory itself, so `out` would be a file beside it.
        append(&mut archive, EntryType::Symlink, "v/src/up", "../..", 0o777, b"");
        append(&mut archive, EntryType::Symlink, "v/out", "src/up/../evil", 0o777, b"");
        assert_eq!(code(inspect(&archive.into_inner().unwrap())), "EC4023");
    }

    #[test]
    fn another_archive_is_not_taken_for_valkey() {
        let redis = b"#define REDIS_VERSION \"7.2.4\"\n";
        for (name, content) in [
            ("r/src/version.h", &redis[..]),
            ("r/README", b""),
            ("r/src/version.h", b"#define VALKEY_VERSION \"$(id)\""),
        ] {
            let mut archive = Builder::new(Vec::new());
            append(&mut archive, EntryType::Regular, name, "", 0o644, content);
            assert_eq!(code(inspect(&archive.into_inner().unwrap())), "EC4024", "{name}");
        }
        let mut two = valkey();
        append(&mut two, EntryType::Regular, "w/file", "", 0o644, b"");
        assert_eq!(code(inspect(&two.into_inner().unwrap())), "EC4024");
    }

    #[test]
    fn a_damaged_tarball_is_told_wherever_it_is_damaged() {
        let shell = Shell::new(OsStr::new(""), None, std::env::temp_dir());
        let plain = valkey().into_inner().unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&plain).unwrap();
        let packed = gzip.finish().unwrap();
        assert_eq!(decompress(&shell, &packed).unwrap(), plain);
        assert_eq!(code(decompress(&shell, &packed[..packed.len() - 5])), "EC4022", "cut off");
        let mut wrong = packed.clone();
        wrong[packed.len() / 2] ^= 0x10;
        assert_eq!(code(decompress(&shell, &wrong)), "EC4022", "one bit is wrong");
        assert_eq!(code(decompress(&shell, b"PK\x03\x04")), "EC4022", "another format");
        assert_eq!(code(decompress(&shell, b"\xfd7zXZ\0")), "EC4036", "xz, and no xz on the PATH");
        assert_eq!(code(inspect(&plain[..plain.len() - 1500])), "EC4022", "tar cut off");
    }
}
