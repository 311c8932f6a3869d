use palisade_defender::output::{Format, OutputSettings, SinkSettings, Target};
use palisade_model::event::{IncidentSeverity, Kind, KindSet};

use super::samples::{blind, everything, incident, item, seen};

#[test]
fn settings_are_read_as_the_documentation_shows_them() {
    let settings: OutputSettings = toml::from_str(
        r#"
        queues = "/q"
        [lines]
        line_bytes = 4096
        [sinks.live]
        to = "stdout"
        format = "pretty"
        [sinks.events]
        to = { file = { path = "/var/log/palisade/events.jsonl", keep = 3 } }
        events = ["exec", "dns-question"]
        blind = false
        [sinks.siem]
        to = { syslog = { address = "tcp://logs.example:601", facility = 13 } }
        events = "none"
        minimum_severity = "high"
        queue = { disk_bytes = 1048576 }
        "#,
    )
    .unwrap();
    settings.check().unwrap();
    let [events, live, siem] = ["events", "live", "siem"].map(|name| &settings.sinks[name]);
    assert_eq!((live.format, live.events), (Format::Pretty, KindSet::all()));
    let Target::File(file) = &events.to else { panic!("{events:?}") };
    assert_eq!((file.keep, file.rotate_bytes), (3, 100 << 20));
    let Target::Syslog(syslog) = &siem.to else { panic!("{siem:?}") };
    assert_eq!(syslog.address.to_string(), "tcp://logs.example:601");
    assert_eq!(siem.queue.memory_bytes, 8 << 20);
    let written = toml::to_string(&settings).unwrap();
    assert_eq!(toml::from_str::<OutputSettings>(&written).unwrap(), settings);
}

#[test]
fn what_makes_no_sense_is_refused() {
    for bad in [
        "unknown = 1",
        "[sinks.a]\nto = \"stdout\"\nfromat = \"json\"",
        "[sinks.a]\nto = \"nowhere\"",
        "[sinks.a]\nto = { file = { path = \"/x\", size = 1 } }",
        "[sinks.a]\nto = \"stdout\"\nevents = [\"exce\"]",
        "[sinks.a]\nto = \"stdout\"\nevents = \"some\"",
        "[sinks.a]\nto = { syslog = { address = \"http://x:1\" } }",
        "[sinks.a]\nto = { syslog = { address = \"tcp://user@x:1\" } }",
        "[sinks.a]\nto = { syslog = { address = \"tcp://x\" } }",
        "[sinks.a]\nto = { syslog = { address = \"unix:relative\" } }",
    ] {
        assert!(toml::from_str::<OutputSettings>(bad).is_err(), "{bad}");
    }
    for bad in [
        "waiting_items = 1",
        "[lines]\nline_bytes = 100",
        "[sinks.\"../x\"]\nto = \"stdout\"",
        "[sinks.a]\nto = { file = { path = \"/x\", rotate_bytes = 5 } }",
        "[sinks.a]\nto = { syslog = { address = \"udp://x:514\", facility = 24 } }",
        "[sinks.a]\nto = { syslog = { address = \"udp://x:514\", message_bytes = 100 } }",
        "[sinks.a]\nformat = \"pretty\"\nto = { syslog = { address = \"udp://x:514\" } }",
        "[sinks.a]\nto = \"stdout\"\nqueue = { disk_bytes = 1 }",
    ] {
        let settings = toml::from_str::<OutputSettings>(bad).unwrap();
        assert!(settings.check().is_err(), "{bad}");
    }
}

#[test]
fn a_sink_gets_what_it_wants() {
    use palisade_defender::output::{Item, Phase};
    let all = SinkSettings::all(Target::Stdout);
    assert!(everything().iter().all(|(_, item)| all.wants(item)));

    let mut few = all.clone();
    few.events = [Kind::Exec].into_iter().collect();
    few.minimum_severity = IncidentSeverity::High;
    few.blind = false;
    assert!(few.wants(&item(seen(Kind::Exec, 1))) && !few.wants(&item(seen(Kind::Open, 1))));
    assert!(!few.wants(&Item::Blind(blind().into())));
    let mut story = incident();
    for (severity, wanted) in [
        (IncidentSeverity::Medium, false),
        (IncidentSeverity::High, true),
        (IncidentSeverity::Critical, true),
    ] {
        story.severity = severity;
        assert_eq!(few.wants(&Item::Incident(story.clone().into(), Phase::Created)), wanted);
    }
    few.incidents = false;
    assert!(!few.wants(&Item::Incident(story.into(), Phase::Created)));
}
