//! `palisade keys`: works beside a running server.

use anyhow::{Context, bail};
use palisade_api::{hash_secret, new_key_id, new_secret};
use palisade_model::UnixMillis;
use palisade_ports::records::{ApiKey, Role};
use palisade_ports::{Clock, Records};
use palisade_storage::SystemClock;

use crate::cli::{KeysArguments, KeysCommand, RoleArgument};
use crate::stores::Beside;
use crate::text::{printable, say};

pub(crate) fn run(arguments: KeysArguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stores = Beside::open(arguments.data.config.as_deref(), &arguments.data.data).await?;
        let done = act(stores.records(), arguments.command).await;
        stores.close().await;
        done
    })
}

async fn act(records: &dyn Records, command: KeysCommand) -> anyhow::Result<()> {
    let now = SystemClock.now();
    match command {
        KeysCommand::Create { name, role, requests_per_minute, scans_per_day } => {
            let role = match role {
                RoleArgument::User => Role::User,
                RoleArgument::Admin => Role::Admin,
            };
            let secret = new_secret();
            let key = ApiKey {
                id: new_key_id(),
                name,
                role,
                requests_per_minute,
                scans_per_day,
                workflow: None,
                created: now,
                revoked: None,
            };
            let id = key.id;
            records.put_key(key, hash_secret(secret.as_bytes())).await?;
            crate::text::complain(&format!("key {id}; its secret is shown only now:"));
            say(&format!("{secret}\n"))?;
        }
        KeysCommand::List { json } => list(&records.keys().await?, json)?,
        KeysCommand::Revoke { id } => {
            let parsed =
                id.parse().with_context(|| format!("`{id}` is not a key's id; see `keys list`"))?;
            if !records.revoke_key(parsed, now).await? {
                bail!("there is no key {id}; see `keys list`");
            }
            say(&format!("key {id} is revoked\n"))?;
        }
    }
    Ok(())
}

fn list(keys: &[ApiKey], json: bool) -> anyhow::Result<()> {
    if json {
        let keys: Vec<_> = keys
            .iter()
            .map(|key| {
                serde_json::json!({
                    "id": key.id,
                    "name": key.name,
                    "role": role(key.role),
                    "requests_per_minute": key.requests_per_minute,
                    "scans_per_day": key.scans_per_day,
                    "created": palisade_api::v4::timestamp(key.created),
                    "revoked": key.revoked.map(palisade_api::v4::timestamp),
                })
            })
            .collect();
        say(&format!("{}\n", serde_json::to_string_pretty(&keys)?))?;
        return Ok(());
    }
    say(&format!("{:<12}  {:<5}  {:<24}  {:<24}  NAME\n", "ID", "ROLE", "CREATED", "REVOKED"))?;
    for key in keys {
        let time = |time: UnixMillis| palisade_api::v4::timestamp(time);
        say(&format!(
            "{:<12}  {:<5}  {:<24}  {:<24}  {}\n",
            key.id.to_string(),
            role(key.role),
            time(key.created),
            key.revoked.map_or_else(|| "-".to_owned(), time),
            printable(&key.name),
        ))?;
    }
    Ok(())
}

fn role(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Admin => "admin",
    }
}
