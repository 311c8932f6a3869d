//! DNS Activity, class 4003.

use palisade_model::event::{Activity, Event};

use super::Class;
use super::json::Json;
use super::{network, objects};
use crate::output::words;

pub(super) fn class(event: &Event) -> Option<Class> {
    let (activity, name) = match &event.activity {
        Activity::DnsQuestion { .. } => (1, "Query"),
        Activity::DnsAnswer { .. } => (2, "Response"),
        _ => return None,
    };
    Some(Class::new(4003, "DNS Activity", activity, name))
}

pub(super) fn fields(json: &mut Json, event: &Event, hostname: &str) {
    objects::actor(json, &event.process);
    match &event.activity {
        Activity::DnsQuestion { server: Some(server), .. } => {
            objects::endpoint(json, "dst_endpoint", server);
        }
        _ => network::this_host(json, hostname),
    }
    match &event.activity {
        Activity::DnsQuestion { id, name, record_type, .. } => {
            query(json, *id, name, *record_type);
        }
        Activity::DnsAnswer { id, name, record_type, code, addresses, .. } => {
            query(json, *id, name, *record_type);
            if !addresses.is_empty() {
                json.objects("answers", addresses, |json, address| {
                    json.text("type", if address.is_ipv4() { "A" } else { "AAAA" });
                    json.text("rdata", &address.to_string());
                });
            }
            // The schema's numbers leave the message's own at 12.
            json.number("rcode_id", if *code <= 11 { *code } else { 99 });
            if *code > 11 {
                json.text("rcode", &code.to_string());
            }
        }
        _ => {}
    }
}

pub(super) fn query(json: &mut Json, id: u16, name: &str, record_type: u16) {
    json.object("query", |json| {
        json.text("hostname", name);
        json.text("type", &words::record_type(record_type));
        json.text("class", "IN");
        json.number("packet_uid", id);
    });
}
