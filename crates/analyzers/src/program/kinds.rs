//! Findings that programs of every platform can show.

use palisade_model::Severity;

use crate::FindingKind;

pub(crate) const COMPILED_SCRIPT: FindingKind = FindingKind {
    id: "compiled-script",
    severity: Severity::Info,
    attack: &["T1027"],
    tags: &["packing"],
    about: "A script packed with its interpreter (PyInstaller, AutoIt, shc, …): what it does stands in the script, not in the program. Many honest tools are shipped this way.",
};

pub(crate) const HARD_CODED_MESSENGER: FindingKind = FindingKind {
    id: "hard-coded-messenger-channel",
    severity: Severity::Suspicious,
    attack: &["T1567.004", "T1102"],
    tags: &["network", "exfiltration"],
    about: "The address of a messenger's bot or web hook with its secret in it, so that everybody who runs the program reports to one channel. Honest programs take the secret from their configuration.",
};

pub(crate) const HIDDEN_EXECUTABLE: FindingKind = FindingKind {
    id: "hidden-executable",
    severity: Severity::Suspicious,
    attack: &["T1027.009", "T1140"],
    tags: &["packing"],
    about: "A Windows executable is stored disguised: XORed with one byte, as base64 or hexadecimal digits, or backwards. Installers carry executables compressed or as they are, rarely so; test suites of scanners do.",
};

pub(crate) const MINES_COINS: FindingKind = FindingKind {
    id: "mines-coins",
    severity: Severity::Suspicious,
    attack: &["T1496"],
    tags: &["mining"],
    about: "The protocol of mining pools together with words of miners. Found in every miner, the wanted ones included.",
};

pub(crate) const ONION_SERVICE: FindingKind = FindingKind {
    id: "onion-service",
    severity: Severity::Info,
    attack: &["T1090.003"],
    tags: &["network"],
    about: "The whole address of a Tor onion service. Some honest programs offer one; so do extortionists.",
};

pub(crate) const OVERLAY_ENCRYPTED: FindingKind = FindingKind {
    id: "overlay-encrypted",
    severity: Severity::Info,
    attack: &["T1027.009"],
    tags: &["packing"],
    about: "More than half of the file is appended to the program, looks random and is of no known type. Installers with a compression of their own look like this too.",
};

pub(crate) const RANSOM_NOTE: FindingKind = FindingKind {
    id: "ransom-note",
    severity: Severity::Suspicious,
    attack: &["T1486"],
    tags: &["ransom"],
    about: "The words of an extortion note: files that have been encrypted, and how to pay for the key.",
};

pub(crate) const STEALS_BROWSER_DATA: FindingKind = FindingKind {
    id: "reads-stored-credentials",
    severity: Severity::Suspicious,
    attack: &["T1555.003", "T1539"],
    tags: &["credential-access"],
    about: "The places where at least three different products (browsers, wallets, messengers) keep credentials. Browsers know their own and that of the one they import from; cleaning and backup tools know many.",
};
