//! Detection Finding, class 2004: an incident.

use palisade_model::event::{
    Activity, Cause, Event, Incident, ModelSection, Process, Record, Response,
};

use super::json::Json;
use super::{Class, Encoder, base, blind, cut, dns, objects, unmapped};
use crate::output::{Phase, words};

impl Encoder {
    pub(super) fn incident(&self, json: &mut Json, incident: &Incident, phase: Phase, number: u64) {
        let class = Class::new(2004, "Detection Finding", phase.ocsf(), phase.as_str());
        base(json, &class, incident.last.0, incident.severity.ocsf());
        json.number("start_time", incident.first.0);
        json.number("end_time", incident.last.0);
        json.number("count", incident.count);
        json.flag("is_alert", true);
        json.text("message", &incident.title);
        self.finding_info(json, incident);
        malware(json, &incident.causes);
        json.objects("evidences", &incident.evidence, |json, record| match record {
            Record::Event(event) => self.evidence(json, event),
            Record::Blind(blind) => {
                json.text("name", "blind");
                json.object("data", |json| blind::what(json, blind));
            }
        });
        let mut profiles = vec!["host", "security_control"];
        let prevented = |response: &Response| !matches!(response, Response::Failed { .. });
        if incident.responses.iter().any(prevented) {
            json.number("action_id", 2_u8);
            json.number("disposition_id", 2_u8);
        } else {
            // Observed, and detected.
            json.number("action_id", 3_u8);
            json.number("disposition_id", 15_u8);
        }
        if let Some(container) = &incident.container {
            profiles.push("container");
            objects::container(json, container);
        }
        self.device(json);
        json.object("unmapped", |json| {
            json.objects("causes", &incident.causes, unmapped_cause);
            json.objects("responses", &incident.responses, response);
            json.objects("tree", &incident.tree, tree);
            if let Some(score) = incident.sequences {
                json.object("sequences", |json| {
                    json.number("mismatches", score.mismatches);
                    json.number("of", score.of);
                });
            }
            if incident.left_out() > 0 {
                json.number("events_left_out", incident.left_out());
            }
            if let Some(container) = &incident.container {
                unmapped::container(json, container);
            }
            cut(json);
        });
        let truncated = !json.cut().is_none();
        let uid = format!("{}/incident/{}/{number}", self.origin, incident.id);
        self.metadata(json, &uid, number, &profiles, truncated);
    }

    fn finding_info(&self, json: &mut Json, incident: &Incident) {
        json.object("finding_info", |json| {
            json.id("uid", &incident.id.to_string());
            json.text("title", &incident.title);
            json.number("first_seen_time", incident.first.0);
            json.number("last_seen_time", incident.last.0);
            if let Some(cause) = incident.causes.first() {
                json.object("analytic", |json| analytic(json, cause));
            }
            if let [_, others @ ..] = incident.causes.as_slice()
                && !others.is_empty()
            {
                json.objects("related_analytics", others, analytic);
            }
            if !incident.attack.is_empty() {
                json.objects("attacks", &incident.attack, |json, technique| {
                    json.object("technique", |json| json.text("uid", technique.as_str()));
                });
            }
            let events = incident.evidence.iter().filter_map(|record| match record {
                Record::Event(event) => Some(event),
                Record::Blind(_) => None,
            });
            json.objects("related_events", events, |json, event| {
                json.id("uid", &self.event_uid(event));
                let class = super::class(event);
                json.number("type_uid", class.uid * 100 + u32::from(class.activity));
            });
            json.number("related_events_count", incident.count);
        });
    }

    fn evidence(&self, json: &mut Json, event: &Event) {
        let (verb, object) = words::act(event);
        json.id("uid", &self.event_uid(event));
        json.text("name", event.kind().as_str());
        json.object("process", |json| objects::brief_process(json, &event.process));
        match &event.activity {
            Activity::DnsQuestion { id, name, record_type, .. }
            | Activity::DnsAnswer { id, name, record_type, .. } => {
                dns::query(json, *id, name, *record_type);
            }
            activity => {
                if let Some(file) = activity.file() {
                    json.object("file", |json| objects::file(json, file));
                }
                if let Some(remote) = activity.remote() {
                    objects::endpoint(json, "dst_endpoint", remote);
                }
            }
        }
        json.object("data", |json| {
            json.number("time", event.time.0);
            json.text("what", &format!("{verb} {object}"));
        });
    }
}

fn analytic(json: &mut Json, cause: &Cause) {
    let (name, type_id) = match cause {
        Cause::Rule { name } | Cause::Policy { name } => (name.as_str(), 1_u8),
        Cause::Deviation { section, .. } => (self::section(*section), 2),
        Cause::Malware { .. } => ("known malware", 5),
        Cause::PreventionLost => ("prevention did not hold", 99),
        Cause::Blind => ("the sensor was blind", 99),
    };
    json.text("name", name);
    json.number("type_id", type_id);
    if type_id == 99 {
        json.text("type", "Self-observation");
    }
}

/// A section of a behaviour model, for people.
fn section(section: ModelSection) -> &'static str {
    match section {
        ModelSection::Processes => "processes of the image",
        ModelSection::Files => "files that the image writes",
        ModelSection::Listening => "ports that the image listens on",
        ModelSection::Outbound => "connections of the image",
        ModelSection::Names => "names that the image asks for",
        ModelSection::Users => "users of the image",
    }
}

fn malware(json: &mut Json, causes: &[Cause]) {
    let known = || {
        causes.iter().filter_map(|cause| match cause {
            Cause::Malware { name, hash } => Some((name, hash)),
            _ => None,
        })
    };
    if known().next().is_some() {
        json.objects("malware", known(), |json, (name, _)| {
            json.text("name", name);
            // Unknown: a name does not say what it does.
            json.numbers("classification_ids", &[0]);
        });
    }
}

fn unmapped_cause(json: &mut Json, cause: &Cause) {
    match cause {
        Cause::Rule { name } => json.text("rule", name),
        Cause::Policy { name } => json.text("policy", name),
        Cause::Deviation { image, section } => {
            json.text("deviation", self::section(*section));
            json.id("image", &image.to_string());
        }
        Cause::Malware { hash, name } => {
            json.text("malware", name);
            json.id("sha256", &hash.to_string());
        }
        Cause::PreventionLost => json.flag("prevention_lost", true),
        Cause::Blind => json.flag("blind", true),
    }
}

fn response(json: &mut Json, response: &Response) {
    match response {
        Response::Prevented { process } => json.text("prevented", &process.to_string()),
        Response::ContainerStopped => json.flag("container_stopped", true),
        Response::Failed { reason } => json.text("failed", reason),
    }
}

fn tree(json: &mut Json, process: &Process) {
    objects::key(json, process.key);
    if let Some(parent) = process.parent() {
        json.text("parent", &parent.to_string());
    }
    json.text_if_any("name", &process.name);
    json.text_if_any("path", process.path());
    json.text_if_any("cmd_line", &words::command_line(&process.args));
}
