//! Documents that are a picture with a link over it.

use palisade_formats::document::pdf::object::Object;
use palisade_formats::document::pdf::{Document, Origin, Raw};

use super::kinds;
use crate::address::web_host;
use crate::{Examination, packed_file};

/// Pages up to which a document may be a lure.
const FEW_PAGES: usize = 2;
/// Links that are remembered.
const MAX_LINKS: usize = 1_000;
/// Part of a page that a link covers, in percent, from which it is the page.
const MOST: i64 = 50;

/// Pages and the links on them.
#[derive(Default)]
pub(super) struct Lures {
    pages: usize,
    /// Area of the first page that says it, in points squared.
    page_area: Option<i64>,
    links: Vec<(i64, Raw)>,
}

impl Lures {
    /// Notes a page, or a link with an address.
    pub(super) fn see(&mut self, value: &Object, origin: Origin) {
        if value.get(b"Type").is_some_and(|kind| kind.is_name(b"Page")) {
            self.pages += 1;
        }
        if let Some(area) = value.get(b"MediaBox").and_then(area) {
            self.page_area.get_or_insert(area);
        }
        if value.get(b"Subtype").is_some_and(|kind| kind.is_name(b"Link"))
            && self.links.len() < MAX_LINKS
            && let Some(area) = value.get(b"Rect").and_then(area)
            && let Some(address) =
                value.get(b"A").and_then(|action| action.get(b"URI")).and_then(Object::text)
        {
            self.links.push((area, (origin, address.to_vec())));
        }
    }

    /// Judges a document of few pages.
    pub(super) fn judge(&self, examination: &mut Examination<'_>, document: &Document<'_>) {
        examination.property("pages", self.pages.to_string());
        if !(1..=FEW_PAGES).contains(&self.pages) {
            return;
        }
        // US Letter, when no page says its size.
        let page = self.page_area.unwrap_or(612 * 792).max(1);
        for (area, address) in &self.links {
            let part = area.saturating_mul(100) / page;
            if part < MOST {
                continue;
            }
            let address = document.string(address);
            examination
                .find(
                    &kinds::LARGE_LINK,
                    format!("A link over {} % of the page leads to {address}", part.min(100)),
                )
                .quoting("link", address.as_bytes());
            let lower = address.to_lowercase();
            let bare =
                web_host(&lower).is_some_and(|host| host.parse::<std::net::Ipv4Addr>().is_ok());
            let path = lower.split(['?', '#']).next().unwrap_or_default();
            let program = path.matches('/').count() > 2 && packed_file::runs(path);
            if bare || program {
                let why = if program { "a program" } else { "a host without a name" };
                examination
                    .find(&kinds::LURE_LINK, format!("The page is a link to {why}: {address}"))
                    .quoting("link", address.as_bytes());
            }
        }
    }
}

/// The area of a rectangle (7.9.5).
fn area(rectangle: &Object) -> Option<i64> {
    let Object::Array(sides) = rectangle else { return None };
    let [left, bottom, right, top] = sides.as_slice() else { return None };
    let width = right.number()?.checked_sub(left.number()?)?.checked_abs()?;
    let height = top.number()?.checked_sub(bottom.number()?)?.checked_abs()?;
    width.checked_mul(height)
}
