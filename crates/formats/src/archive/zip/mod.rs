//! Zip (PKWARE APPNOTE 6.3.10) and everything built on it.
//!
//! Programs disagree on what is in a hostile zip: some trust the central directory, some the local
//! headers, some the last end record, some the first. So this reader takes all of them: every
//! central directory that an end record points at, the local header of each entry beside it, and
//! every local header in the gaps that no directory names. Where two views give different bytes,
//! both come out, and the contradiction is stated.

mod central;
mod crypt;
mod entry;
mod implode;
mod local;
mod method;
mod reduce;
mod shrink;

use crate::unpack::{Child, ChildKind, Problem, Stop, Unpacking};

pub(crate) use central::last_archive;
#[cfg(any(test, feature = "samples"))]
pub(crate) use crypt::ClassicKeys;
use entry::{Entry, Located};

/// ZipCrypto's keys, for the builder of encrypted samples.
#[cfg(any(test, feature = "samples"))]
pub(crate) fn keys(password: &[u8]) -> ClassicKeys {
    ClassicKeys::new(password)
}

/// Unpacks a zip.
pub(crate) fn unpack(input: &[u8], unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let mut members = Vec::new();
    let end = listed(input, unpacking, &mut members)?;
    local::hidden(input, end, unpacking, &mut members)?;
    // In file order, so that what overlaps is found by looking at the furthest end so far.
    members.sort_by_key(|member| (member.header, member.data, member.length));
    deliver(input, &members, unpacking)?;
    appended(input, end, unpacking)
}

/// Finds the members that central directories name. Returns the offset behind the archive, when
/// there is an end record at all.
fn listed<'a>(
    input: &'a [u8],
    unpacking: &mut Unpacking<'_>,
    members: &mut Vec<Located<'a>>,
) -> Result<Option<usize>, Stop> {
    // Folders yield no child, so leave room for as many of them as for members.
    let bound = (unpacking.limits().max_children as usize).saturating_mul(2);
    let mut after = None;
    let mut done: Vec<central::Directory> = Vec::new();
    for end in central::ends(input) {
        unpacking.keep_going()?;
        if members.iter().any(|member| member.covers(end.at)) {
            // The end of an archive that is stored in this one.
            continue;
        }
        let directories = end.directories(input);
        if directories.len() > 1 {
            let detail = "two central directories for one end record";
            unpacking.problem(None, Problem::Corrupt, detail);
        }
        if directories.is_empty() && !end.is_empty() {
            continue;
        }
        if after.is_none() {
            after = Some(end.after);
            if end.multi_volume {
                let detail = "one part of an archive of several volumes";
                unpacking.problem(None, Problem::Unsupported, detail);
            }
        }
        for directory in directories {
            if done.contains(&directory) {
                continue;
            }
            done.push(directory);
            let room = bound.saturating_sub(members.len());
            for entry in end.entries(input, directory, room, unpacking)? {
                locate(input, entry, directory.base, unpacking, members);
            }
        }
    }
    if after.is_none() {
        unpacking.problem(None, Problem::Truncated, "no central directory");
    }
    Ok(after)
}

/// Finds the bytes of a central entry: one member, or two where the local header tells of others.
fn locate<'a>(
    input: &'a [u8],
    entry: Entry<'a>,
    base: usize,
    unpacking: &mut Unpacking<'_>,
    members: &mut Vec<Located<'a>>,
) {
    let name = entry.display_name();
    let Some((header, local)) = local::of(input, &entry, base) else {
        let detail = "no local header where the central directory points";
        unpacking.problem(Some(&name), Problem::Corrupt, detail);
        return;
    };
    let data = local.data;
    let length = entry.packed.min(input.len() as u64) as usize;
    if local.entry.name != entry.name {
        let detail = "local and central headers disagree on the name";
        unpacking.problem(Some(&name), Problem::Corrupt, detail);
    }
    if local.entry.contradicts(&entry) {
        let detail = "local and central headers disagree on how the data is stored";
        unpacking.problem(Some(&name), Problem::Corrupt, detail);
        let length = local.entry.packed.min(input.len() as u64) as usize;
        members.push(Located { entry: local.entry, header, data, length });
    }
    members.push(Located { entry, header, data, length });
}

fn deliver(
    input: &[u8],
    members: &[Located<'_>],
    unpacking: &mut Unpacking<'_>,
) -> Result<(), Stop> {
    let mut keys = crypt::Keys::new(unpacking.passwords());
    let mut furthest = 0;
    // Overlapping members are read while all members together take no more than twice the file:
    // enough for every honest mistake and every parser trick, useless for a bomb (D. Fifield,
    // "A better zip bomb", WOOT 2019).
    let mut budget = (input.len() as u64).saturating_mul(2);
    for member in members {
        unpacking.keep_going()?;
        let name = member.entry.display_name();
        let end = member.data.saturating_add(member.length);
        let overlaps = member.header < furthest;
        furthest = furthest.max(end);
        let (Some(data), whole) = member.bytes(input) else {
            unpacking.problem(Some(&name), Problem::Truncated, "data beyond the end of the file");
            continue;
        };
        if overlaps {
            unpacking.problem(Some(&name), Problem::Overlap, "shares bytes with another member");
            if data.len() as u64 > budget {
                continue;
            }
        }
        budget = budget.saturating_sub(data.len() as u64);
        if !whole {
            unpacking.problem(Some(&name), Problem::Truncated, "data beyond the end of the file");
        }
        if member.entry.is_directory() {
            continue;
        }
        let child = Child::new(ChildKind::Member, name).packed(data.len() as u64);
        method::deliver(&member.entry, data, child, &mut keys, unpacking)?;
    }
    Ok(())
}

/// What stands behind the end record is not part of the archive; somebody put it there.
fn appended(input: &[u8], end: Option<usize>, unpacking: &mut Unpacking<'_>) -> Result<(), Stop> {
    let Some(rest) = end.and_then(|end| input.get(end..)) else { return Ok(()) };
    if rest.iter().all(|&byte| byte == 0) {
        return Ok(());
    }
    unpacking.child_bytes(&Child::new(ChildKind::Overlay, "").packed(rest.len() as u64), rest)
}

#[cfg(test)]
mod legacy_tests;
#[cfg(test)]
mod tests;
