//! A shell whose input is a connection. The sensor does not tell what a program's input is; it tells
//! that a process connected, or took a connection, and that soon after a shell that waits for orders
//! runs in it or below it.

use palisade_model::UnixMillis;
use palisade_model::event::{Activity, Endpoint, Event, IncidentSeverity, ProcessKey, Transport};

use super::window::Table;
use super::{Counter, Look};

pub(super) static REVERSE: Counter = Counter {
    name: "Reverse shell",
    description: "A process connects to somewhere, and a shell that waits for orders runs in it or \
                  directly below it soon after.",
    severity: IncidentSeverity::Critical,
    technique: "T1059.004",
};
pub(super) static BIND: Counter = Counter {
    name: "Bind shell",
    description: "A process takes a connection, and a shell that waits for orders runs in it or directly \
                  below it soon after.",
    severity: IncidentSeverity::Critical,
    technique: "T1059.004",
};

const SHELLS: [&str; 9] = ["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "csh", "tcsh"];

/// Programs that give a shell to whoever has logged in.
const LOGINS: [&str; 8] = [
    "sshd",
    "sshd-session",
    "dropbear",
    "telnetd",
    "in.telnetd",
    "login",
    "mosh-server",
    "tmux: server",
];

/// The last connection of a process.
#[derive(Debug, Clone, Copy)]
struct Connection {
    remote: Endpoint,
    taken: bool,
    at: UnixMillis,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Connections {
    processes: Table<ProcessKey, Option<Connection>>,
}

impl Connections {
    /// A connection.
    pub(super) fn connected(&mut self, event: &Event, look: &mut Look<'_>) {
        let (transport, remote, taken) = match &event.activity {
            Activity::Connect { transport, remote, .. } => (transport, remote, false),
            Activity::Accept { transport, remote, .. } => (transport, remote, true),
            _ => return,
        };
        let Some(remote) = remote.endpoint() else { return };
        if !look.settings.shell.enabled || *transport != Transport::Tcp || !event.succeeded() {
            return;
        }
        let most = look.settings.processes;
        let last = self.processes.at(&event.process.key, look.now, most, look.pushed_out);
        *last = Some(Connection { remote, taken, at: look.now });
    }

    /// Another program.
    pub(super) fn executed(&mut self, event: &Event, look: &mut Look<'_>) {
        let process = &event.process;
        if !look.settings.shell.enabled
            || !event.succeeded()
            || !SHELLS.contains(&process.name.as_str())
            || !waits_for_orders(&process.args)
        {
            return;
        }
        let parent = process.ancestors.parent();
        let login = parent.is_some_and(|parent| LOGINS.contains(&parent.name.as_str()));
        let recent = |key: &ProcessKey| {
            let connection = (*self.processes.get(key)?)?;
            let age = look.now.since(connection.at);
            (age <= look.settings.shell.window_ms).then_some(connection)
        };
        let own = recent(&process.key);
        let found = own.or_else(|| recent(&parent?.key).filter(|_| !login));
        let Some(connection) = found else { return };
        let who = if own.is_some() { "the same process" } else { "its parent" };
        let name = &process.name;
        let detail = if connection.taken {
            format!("{name} after a connection from {} to {who}", connection.remote)
        } else {
            format!("{name} after a connection to {} by {who}", connection.remote)
        };
        look.find(if connection.taken { &BIND } else { &REVERSE }, detail);
    }
}

/// Whether a shell has neither a command nor a script: it reads what to do.
fn waits_for_orders(arguments: &[String]) -> bool {
    // Without arguments nothing is known of the program's input.
    !arguments.is_empty()
        && arguments.iter().skip(1).all(|argument| {
            let command =
                argument.starts_with('-') && !argument.starts_with("--") && argument.contains('c');
            argument.starts_with(['-', '+']) && !command && argument != "--version"
        })
}

#[cfg(test)]
mod tests {
    use super::waits_for_orders;

    #[test]
    fn a_shell_with_a_command_or_a_script_waits_for_nothing() {
        let waits = |line: &str| {
            let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
            waits_for_orders(&arguments)
        };
        for line in ["sh", "bash -i", "bash --noprofile --norc -i", "-bash", "sh -p", "bash +O x"] {
            assert_eq!(waits(line), line != "bash +O x", "{line}");
        }
        for line in ["sh -c id", "bash -lc id", "sh /start.sh", "bash --version", "sh -e run"] {
            assert!(!waits(line), "{line}");
        }
        assert!(!waits_for_orders(&[]));
    }
}
