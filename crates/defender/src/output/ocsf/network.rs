//! Network Activity, class 4001.

use palisade_model::event::{Activity, Effect, Event, SocketAddress, Transport};

use super::Class;
use super::json::Json;
use super::objects;

/// `ECONNREFUSED` of `errno(3)`.
const CONNECTION_REFUSED: u16 = 111;

pub(super) fn class(event: &Event) -> Option<Class> {
    let refused = event.effect == Effect::Refused || event.error == CONNECTION_REFUSED;
    let (activity, name) = match &event.activity {
        Activity::Connect { .. } | Activity::Accept { .. } | Activity::Send { .. } if refused => {
            (5, "Refuse")
        }
        Activity::Connect { .. } | Activity::Accept { .. } | Activity::Send { .. }
            if !event.succeeded() =>
        {
            (4, "Fail")
        }
        Activity::Connect { .. } | Activity::Accept { .. } => (1, "Open"),
        Activity::Send { .. } => (6, "Traffic"),
        Activity::Listen { .. } => (7, "Listen"),
        Activity::Bind { .. } => (99, "Bind"),
        Activity::RawSocket { .. } => (99, "Create Raw Socket"),
        _ => return None,
    };
    Some(Class::new(4001, "Network Activity", activity, name))
}

pub(super) fn fields(json: &mut Json, event: &Event, hostname: &str) {
    objects::actor(json, &event.process);
    match &event.activity {
        Activity::Connect { transport, remote, local } => {
            ends(json, local.as_ref(), Some(remote));
            connection(json, 2, *transport);
        }
        Activity::Accept { transport, local, remote } => {
            ends(json, Some(remote), Some(local));
            connection(json, 1, *transport);
        }
        Activity::Bind { transport, local } => {
            ends(json, Some(local), None);
            connection(json, 0, *transport);
        }
        Activity::Listen { transport, local } => {
            ends(json, None, Some(local));
            connection(json, 1, *transport);
        }
        Activity::Send { transport, remote, bytes } => {
            ends(json, None, Some(remote));
            connection(json, 2, *transport);
            json.object("traffic", |json| json.number("bytes_out", *bytes));
        }
        _ => {
            this_host(json, hostname);
            connection(json, 0, Transport::Other);
        }
    }
}

/// The class requires one end, and this is the one that is known.
pub(super) fn this_host(json: &mut Json, hostname: &str) {
    json.object("src_endpoint", |json| json.text("hostname", hostname));
}

fn ends(json: &mut Json, from: Option<&SocketAddress>, to: Option<&SocketAddress>) {
    for (key, address) in [("src_endpoint", from), ("dst_endpoint", to)] {
        if let Some(address) = address {
            objects::endpoint(json, key, address);
        }
    }
}

fn connection(json: &mut Json, direction: u8, transport: Transport) {
    json.object("connection_info", |json| {
        json.number("direction_id", direction);
        match transport {
            Transport::Tcp => json.number("protocol_num", 6_u8),
            Transport::Udp => json.number("protocol_num", 17_u8),
            Transport::Other => {}
        }
        if transport != Transport::Other {
            json.text("protocol_name", transport.as_str());
        }
    });
}
