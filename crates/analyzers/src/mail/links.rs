//! Links and hidden things in the text of a mail.

use crate::markup::next_tag;
use crate::observables::{Host, registrable};

/// Tags that are read.
const MAX_TAGS: usize = 100_000;
/// Links that are kept.
const MAX_LINKS: usize = 2_000;
/// Bytes of a link's text.
const MAX_LABEL: usize = 4_096;

/// A link and the text that is shown for it.
pub(super) struct Link {
    pub(super) target: String,
    pub(super) text: String,
}

/// What the markup of a mail shows.
#[derive(Default)]
pub(super) struct Markup {
    pub(super) links: Vec<Link>,
    pub(super) passwords: usize,
    pub(super) dots: Vec<String>,
    /// Characters of text that is not shown.
    pub(super) hidden: usize,
}

/// Reads the HTML of a mail.
pub(super) fn read(html: &[u8]) -> Markup {
    let mut markup = Markup::default();
    let (mut at, mut tags) = (0, 0);
    while let Some(tag) = next_tag(html, at) {
        tags += 1;
        if tags > MAX_TAGS {
            break;
        }
        at = tag.end.max(at + 1);
        let style: String = tag.lower("style").chars().filter(|c| !c.is_whitespace()).collect();
        let unseen =
            ["font-size:0", "display:none", "visibility:hidden", "opacity:0;", "mso-hide:all"]
                .iter()
                .any(|hint| style.contains(hint));
        let rest = html.get(tag.end..).unwrap_or_default();
        if unseen {
            let end = memchr::memchr(b'<', rest).unwrap_or(rest.len());
            markup.hidden += rest.get(..end).unwrap_or_default().trim_ascii().len();
        }
        match tag.name.as_slice() {
            b"a" | b"area" if markup.links.len() < MAX_LINKS => {
                let target = String::from_utf8_lossy(tag.attribute("href").unwrap_or_default());
                let window = rest.get(..rest.len().min(MAX_LABEL)).unwrap_or_default();
                let end = memchr::memmem::find(window, b"</a")
                    .or_else(|| memchr::memmem::find(window, b"</A"));
                let text = plain(window.get(..end.unwrap_or(0)).unwrap_or_default());
                markup.links.push(Link { target: target.trim().to_owned(), text });
            }
            b"input" => markup.passwords += usize::from(tag.lower("type") == "password"),
            b"img" => {
                let source = tag.lower("src");
                let small =
                    |name: &str| matches!(tag.lower(name).trim_end_matches("px"), "0" | "1");
                if source.starts_with("http")
                    && small("width")
                    && small("height")
                    && markup.dots.len() < 16
                {
                    markup.dots.push(source);
                }
            }
            _ => {}
        }
    }
    markup
}

/// Text without tags.
fn plain(html: &[u8]) -> String {
    let mut out = Vec::with_capacity(html.len());
    let mut inside = false;
    for byte in html {
        match byte {
            b'<' => inside = true,
            b'>' => inside = false,
            _ if !inside => out.push(*byte),
            _ => {}
        }
    }
    String::from_utf8_lossy(&crate::markup::entities(&out)).trim().to_owned()
}

/// The host of a link's target.
pub(super) fn host(target: &str) -> Option<Host> {
    let (scheme, rest) =
        target.split_once("://").or_else(|| Some(("", target.strip_prefix("//")?)))?;
    let web = matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https" | "ftp" | "");
    let authority = rest.split(['/', '?', '#', '\\']).next().filter(|_| web)?;
    let host = authority.rsplit('@').next()?;
    let host = if host.starts_with('[') { host } else { host.split(':').next()? };
    Host::parse(host)
}

/// The domain that a link's text claims, when the text is an address and nothing else.
pub(super) fn claimed(text: &str) -> Option<String> {
    let text = text.trim().trim_end_matches(['.', '/', '…']);
    if text.contains(char::is_whitespace) || text.contains('@') || text.len() > 2_000 {
        return None;
    }
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#', ':']).next()?.to_lowercase();
    let shown = text.contains("://") || host.starts_with("www.") || !rest.contains('/');
    (shown && registrable(&host).is_some() && !looks_like_file(&host)).then_some(host)
}

/// `report.zip` is a file that is named, although `.zip` is a top-level domain.
fn looks_like_file(host: &str) -> bool {
    let ends =
        [".zip", ".mov", ".sh", ".pl", ".py", ".rs", ".md", ".ps", ".app", ".net", ".doc", ".page"];
    host.matches('.').count() == 1 && ends.iter().any(|end| host.ends_with(end))
}

/// How a target hides where it leads.
pub(super) fn trick(target: &str) -> Option<String> {
    let lower = target.to_ascii_lowercase();
    if lower.starts_with("javascript:") && lower.len() > 24 && !lower.contains("void(0)") {
        return Some("runs a script".to_owned());
    }
    if lower.starts_with("data:text/html") || lower.starts_with("data:application") {
        return Some("leads to a page that it carries itself".to_owned());
    }
    let (_, rest) = lower.split_once("://")?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    if let Some((user, real)) = authority.rsplit_once('@') {
        let name = user.split(':').next().unwrap_or_default();
        if registrable(name).is_some() {
            return Some(format!("looks like {name} and leads to {real}"));
        }
    }
    let host = authority.rsplit('@').next()?.split(':').next()?;
    match Host::parse(host)? {
        Host::V4(address) if !address.is_private() && !address.is_loopback() => {
            let odd = host.matches('.').count() != 3 || host.contains("0x");
            Some(if odd {
                format!("hides the address {address} in a number")
            } else {
                format!("leads to the bare address {address}")
            })
        }
        _ => None,
    }
}
