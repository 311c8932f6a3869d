//! What an image's behaviour model knows, as policy reads it.

use palisade_behaviour::{Allowed as Known, Port};

use super::{Allowed, Network};

impl Allowed {
    /// The lists of an active model; `None` while it learns. `ephemeral_from`: the model's setting.
    pub fn of_model(known: &Known, ephemeral_from: u16) -> Option<Self> {
        if !known.active {
            return None;
        }
        let mut allowed = Self::new();
        if let Some(executables) = &known.executables {
            // What has no path is judged by being without one.
            let paths = executables.exact.iter().chain(&executables.inexact);
            allowed = allowed.with_executables(paths.filter(|path| path.starts_with('/')).cloned());
        }
        if let Some(listening) = &known.listening {
            let ports = listening.iter().map(|&(transport, number)| Port { transport, number });
            allowed = allowed.with_listening(ports, ephemeral_from);
        }
        if let Some(outbound) = &known.outbound {
            let port = |one: &palisade_behaviour::AllowedOutbound| Port {
                transport: one.transport,
                number: one.port,
            };
            let networks = outbound.iter().flat_map(|one| {
                one.networks.iter().filter_map(move |(address, bits)| {
                    Some((port(one), Network::new(*address, *bits)?))
                })
            });
            let any = outbound.iter().filter(|one| one.any || one.by_name).map(port);
            allowed = allowed.with_outbound(networks, any, ephemeral_from);
        }
        if let Some(names) = &known.names {
            allowed = allowed.with_names(names.iter().map(|name| pattern(name)));
        }
        Some(allowed)
    }
}

/// The model's `**` is policy's `*`. A label with a part that changes stands for any: wider than what was
/// learned, and never narrower.
fn pattern(name: &str) -> String {
    let name = name.replace("**", "*");
    match name.rfind('>') {
        Some(at) => match name[at..].split_once('.') {
            Some((_, rest)) => format!("*.{rest}"),
            None => "*".to_owned(),
        },
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::pattern;

    #[test]
    fn what_changes_in_a_name_becomes_any() {
        for (model, policy) in [
            ("api.example.com", "api.example.com"),
            ("**.example.com", "*.example.com"),
            ("shard-<n>.db.example.com", "*.db.example.com"),
            ("<hex>", "*"),
        ] {
            assert_eq!(pattern(model), policy);
        }
    }
}
