//! Users and groups.

use palisade_rules::{ABSENT, FieldId, Value};

use super::EventFields;

/// What users and groups are called. A decider reads no files: whoever drives it brings the names
/// ([`Accounts`](crate::detect::Accounts)).
pub trait UserNames: Send {
    /// The name of a user of a container (`None`: of the host).
    fn user(
        &self,
        container: Option<&palisade_model::event::ContainerId>,
        uid: u32,
    ) -> Option<&str>;

    /// The name of a group.
    fn group(
        &self,
        container: Option<&palisade_model::event::ContainerId>,
        gid: u32,
    ) -> Option<&str>;
}

/// Knows that 0 is `root`, and nobody else.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoNames;

impl UserNames for NoNames {
    fn user(&self, _: Option<&palisade_model::event::ContainerId>, uid: u32) -> Option<&str> {
        (uid == 0).then_some("root")
    }

    fn group(&self, _: Option<&palisade_model::event::ContainerId>, gid: u32) -> Option<&str> {
        (gid == 0).then_some("root")
    }
}

pub(super) const FILLED: &[FieldId] = &[
    FieldId::UserUid,
    FieldId::GroupGid,
    FieldId::UserLoginuid,
    FieldId::UserName,
    FieldId::UserLoginname,
    FieldId::GroupName,
];

pub(super) fn get<'v>(view: &'v EventFields<'_>, field: FieldId) -> Value<'v> {
    let credentials = &view.event.process.credentials;
    let container = view.event.container.as_deref().map(|container| &container.id);
    match field {
        // Effective, as Falco takes it: what permissions go by.
        FieldId::UserUid => Value::Unsigned(credentials.euid.into()),
        FieldId::GroupGid => Value::Unsigned(credentials.egid.into()),
        FieldId::UserLoginuid => Value::Signed(credentials.login_uid.map_or(-1, i64::from)),
        FieldId::UserName => named(view.names.user(container, credentials.euid)),
        FieldId::GroupName => named(view.names.group(container, credentials.egid)),
        // Logins are the host's.
        FieldId::UserLoginname => {
            named(credentials.login_uid.and_then(|uid| view.names.user(None, uid)))
        }
        _ => Value::Absent,
    }
}

/// Whoever has no name here is called so, as in Falco: `user.name != x` holds for them.
fn named(name: Option<&str>) -> Value<'_> {
    Value::from(name.unwrap_or(ABSENT))
}
