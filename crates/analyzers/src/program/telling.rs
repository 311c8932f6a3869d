use super::kinds::{
    HARD_CODED_MESSENGER, MINES_COINS, ONION_SERVICE, RANSOM_NOTE, STEALS_BROWSER_DATA,
};
use super::{Mark, Marks};
use crate::{Examination, FindingKind};

/// A finding that texts alone give.
pub(crate) struct Telling {
    pub(crate) kind: &'static FindingKind,
    /// At least `least` of these.
    pub(crate) of: &'static [Mark],
    pub(crate) least: usize,
    /// And at least one of these, when there are any.
    pub(crate) with: &'static [Mark],
    /// What it means, for the explanation.
    pub(crate) meaning: &'static str,
}

const SHARED: &[Telling] = &[
    Telling {
        kind: &MINES_COINS,
        of: &[Mark::StratumTcp, Mark::StratumSsl],
        least: 1,
        with: &[
            Mark::Xmrig,
            Mark::DonateLevel,
            Mark::Cryptonight,
            Mark::RandomX,
            Mark::Nicehash,
            Mark::MinerD,
        ],
        meaning: "speaks the protocol of mining pools",
    },
    Telling {
        kind: &RANSOM_NOTE,
        of: &[Mark::BitcoinAddress, Mark::DecryptTool, Mark::HowToDecrypt, Mark::TorBrowser],
        least: 2,
        with: &[Mark::FilesEncrypted, Mark::FilesAreEncrypted],
        meaning: "holds the words of an extortion note",
    },
];

/// The places where products keep credentials, one list for each product.
const PRODUCTS: &[&[Mark]] = &[
    &[Mark::ChromeData, Mark::ChromeLinux],
    &[Mark::FirefoxData, Mark::FirefoxLinux],
    &[Mark::BraveData],
    &[Mark::OperaData],
    &[Mark::EdgeData],
    &[Mark::WalletDat, Mark::Electrum, Mark::Exodus, Mark::Metamask],
    &[Mark::DiscordStorage],
    &[Mark::TelegramData],
    &[Mark::FileZilla],
];
/// Products whose places make a finding.
const MIN_PRODUCTS: usize = 3;

/// Notes what texts tell: the rules of every platform and those given.
pub(crate) fn look_at_marks(examination: &mut Examination<'_>, marks: &Marks, rules: &[Telling]) {
    for rule in SHARED.iter().chain(rules) {
        let seen: Vec<(Mark, usize)> = marks.seen(rule.of).collect();
        let with: Vec<(Mark, usize)> = marks.seen(rule.with).collect();
        if seen.len() < rule.least || (with.is_empty() && !rule.with.is_empty()) {
            continue;
        }
        note(examination, rule.kind, rule.meaning, seen.into_iter().chain(with));
    }
    stored_credentials(examination, marks);
    messengers(examination, marks);
    onion(examination, marks);
}

fn note(
    examination: &mut Examination<'_>,
    kind: &FindingKind,
    meaning: &str,
    seen: impl Iterator<Item = (Mark, usize)>,
) {
    let seen: Vec<(Mark, usize)> = seen.collect();
    let texts: Vec<String> = seen.iter().map(|(mark, _)| format!("\"{}\"", mark.text())).collect();
    let mut noted = examination.find(kind, format!("{meaning}: {}", texts.join(", ")));
    for (mark, place) in seen {
        noted = noted.at("text", place, mark.text().len());
    }
}

fn stored_credentials(examination: &mut Examination<'_>, marks: &Marks) {
    let products: Vec<(Mark, usize)> =
        PRODUCTS.iter().filter_map(|product| marks.seen(product).next()).collect();
    let stores = [Mark::ChromeLogins, Mark::FirefoxLogins, Mark::WalletDat, Mark::DiscordStorage];
    if products.len() >= MIN_PRODUCTS && marks.seen(&stores).next().is_some() {
        let meaning = "knows where other programs keep credentials";
        note(examination, &STEALS_BROWSER_DATA, meaning, products.into_iter());
    }
}

/// The secret follows the address: a bot's number, a colon and 35 characters, or a hook's number.
fn messengers(examination: &mut Examination<'_>, marks: &Marks) {
    let seen: Vec<(Mark, usize)> =
        marks.seen(&[Mark::TelegramBot, Mark::DiscordHook, Mark::DiscordAppHook]).collect();
    for (mark, place) in seen {
        let bytes = examination.bytes().get(place..).unwrap_or_default();
        let wide = bytes.get(1) == Some(&0);
        let text: Vec<u8> =
            bytes.iter().step_by(if wide { 2 } else { 1 }).take(256).copied().collect();
        let digits = text
            .get(mark.text().len()..)
            .unwrap_or_default()
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if digits >= 8 {
            let end = text.iter().position(|byte| !byte.is_ascii_graphic()).unwrap_or(text.len());
            let address = text.get(..end).unwrap_or_default();
            let address = String::from_utf8_lossy(address);
            examination
                .find(&HARD_CODED_MESSENGER, format!("reports to the channel {address}"))
                .at("address", place, end);
        }
    }
}

/// Version 2 addresses have 16 characters, version 3 addresses 56 (Tor, rend-spec-v3, 6).
fn onion(examination: &mut Examination<'_>, marks: &Marks) {
    let Some(place) = marks.place(Mark::OnionHost) else { return };
    let before = examination.bytes().get(..place).unwrap_or_default();
    let length = before
        .iter()
        .rev()
        .take(57)
        .take_while(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
        .count();
    if matches!(length, 16 | 56) {
        let start = place - length;
        let host = before.get(start..).unwrap_or_default();
        let host = format!("{}.onion", String::from_utf8_lossy(host));
        examination
            .find(&ONION_SERVICE, format!("holds the address of an onion service: {host}"))
            .at("address", start, length + 6);
    }
}
