//! What users and groups of the host are called.

use std::collections::HashMap;

use palisade_model::event::ContainerId;

use super::fields::UserNames;

/// Users, or groups, that are kept.
const MAX_ACCOUNTS: usize = 65_536;

/// The host's users and groups, as its files say. A container has files of its own: there, 0 alone has a
/// name, `root`.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    users: HashMap<u32, Box<str>>,
    groups: HashMap<u32, Box<str>>,
}

impl Accounts {
    /// From the texts of `passwd(5)` and `group(5)`. Lines that are none are passed over; of several names
    /// of one number the first counts, as for the C library.
    pub fn parse(passwd: &str, group: &str) -> Self {
        Self { users: names(passwd), groups: names(group) }
    }
}

/// `name:password:number:…`.
fn names(text: &str) -> HashMap<u32, Box<str>> {
    let mut names = HashMap::new();
    for line in text.lines() {
        let mut parts = line.split(':');
        let (Some(name), Some(_), Some(number)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let Ok(number) = number.parse::<u32>() else { continue };
        if names.len() >= MAX_ACCOUNTS {
            break;
        }
        if !name.is_empty() {
            names.entry(number).or_insert_with(|| name.into());
        }
    }
    names
}

impl UserNames for Accounts {
    fn user(&self, container: Option<&ContainerId>, uid: u32) -> Option<&str> {
        of(&self.users, container, uid)
    }

    fn group(&self, container: Option<&ContainerId>, gid: u32) -> Option<&str> {
        of(&self.groups, container, gid)
    }
}

fn of<'n>(
    names: &'n HashMap<u32, Box<str>>,
    container: Option<&ContainerId>,
    number: u32,
) -> Option<&'n str> {
    let name = if container.is_none() { names.get(&number).map(AsRef::as_ref) } else { None };
    name.or((number == 0).then_some("root"))
}
