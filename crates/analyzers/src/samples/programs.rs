//! Samples of what programs of every platform can show.

use super::Case;
use super::build::noise::code;
use crate::program::Mark;

/// A kind of program that can hold bytes among its constants.
pub(super) trait Host {
    /// Of the analyser.
    const ANALYZER: &'static str;
    /// A program with these constants.
    fn holding(constants: &[u8]) -> Vec<u8>;
}

/// The trailer of a PyInstaller bundle, with what stands before it.
pub(super) fn pyinstaller() -> Vec<u8> {
    let mut overlay = code(600);
    overlay.extend(b"MEI\x0c\x0b\x0a\x0b\x0e");
    overlay.extend([0; 80]);
    overlay
}

fn texts(marks: &[Mark], further: &str) -> Vec<u8> {
    let mut constants = Vec::new();
    for mark in marks {
        constants.extend(mark.text().into_bytes());
        constants.extend(further.as_bytes());
        constants.push(0);
    }
    constants
}

/// The first bytes of every linked Windows program, up to the words of its stub. It is no program.
fn stub() -> Vec<u8> {
    let mut stub = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0\xb8\0\0\0\0\0\0\0\x40".to_vec();
    stub.resize(78, 0);
    stub.extend(b"This program cannot be run in DOS mode.\r\r\n$");
    stub
}

/// The cases for one kind of program.
pub(super) fn cases<H: Host>() -> Vec<Case> {
    let case = |finding, sample, near_miss| Case {
        analyzer: H::ANALYZER,
        finding,
        name: "program",
        sample,
        near_miss,
    };
    vec![
        case(
            "hidden-executable",
            || H::holding(&stub().iter().map(|byte| byte ^ 0x5a).collect::<Vec<u8>>()),
            // An installer carries programs as they are.
            || H::holding(&stub()),
        ),
        case(
            "mines-coins",
            || H::holding(&texts(&[Mark::StratumTcp, Mark::DonateLevel], "")),
            || H::holding(&texts(&[Mark::RandomX], "")),
        ),
        case(
            "ransom-note",
            || {
                H::holding(&texts(
                    &[Mark::FilesEncrypted, Mark::BitcoinAddress, Mark::TorBrowser],
                    "",
                ))
            },
            // A backup tool.
            || H::holding(&texts(&[Mark::FilesAreEncrypted, Mark::DecryptTool], "")),
        ),
        case(
            "hard-coded-messenger-channel",
            || H::holding(&texts(&[Mark::TelegramBot], "0123456789:AAexample/sendMessage")),
            // A client that is told its secret.
            || H::holding(&texts(&[Mark::TelegramBot], "%s/sendMessage")),
        ),
        case(
            "onion-service",
            || H::holding(format!(" http://{}.onion/", "example2".repeat(7)).as_bytes()),
            // The domain alone: a client of Tor knows it.
            || H::holding(b"host name ends in .onion"),
        ),
        case(
            "reads-stored-credentials",
            || {
                H::holding(&texts(
                    &[Mark::ChromeData, Mark::ChromeLogins, Mark::FirefoxData, Mark::WalletDat],
                    "",
                ))
            },
            // A browser that imports from another one.
            || H::holding(&texts(&[Mark::ChromeData, Mark::ChromeLogins, Mark::FirefoxData], "")),
        ),
    ]
}
