//! What is learned does not depend on the order in which it came.

use palisade_model::event::Event;
use proptest::prelude::*;

use crate::events::*;

fn some_event() -> impl Strategy<Value = Event> {
    let word = "[a-d]{1,2}";
    prop_oneof![
        (word, word).prop_map(|(path, parent)| {
            exec(&format!("/bin/{path}"), Some(&format!("/bin/{parent}")))
        }),
        (word, any::<u8>()).prop_map(|(path, byte)| hashed(&format!("/bin/{path}"), "/init", byte)),
        (word, word, word, word)
            .prop_map(|(by, one, two, three)| write(&by, &format!("/{one}/{two}/{three}"))),
        (word, word).prop_map(|(by, path)| write(&by, &format!("/data/{path}"))),
        any::<u16>().prop_map(listen),
        (any::<[u8; 2]>(), 1_u16..4).prop_map(|([third, last], port)| {
            connect(&format!("10.0.{}.{last}", third % 80), port)
        }),
        (word, word).prop_map(|(host, domain)| ask(&format!("{host}.{domain}.com"))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_order_gives_the_same_model(
        (events, shuffled) in prop::collection::vec(some_event(), 0..400)
            .prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle()))
    ) {
        let learn = |events: &[Event]| {
            let mut model = model();
            for event in events {
                model.observe(event, START);
            }
            model
        };
        let (one, other) = (learn(&events), learn(&shuffled));
        let sections = |export: String| {
            // How often a bound was hit may differ; what is known may not.
            let end = export.find("[learned").unwrap_or(export.len());
            export[end..].to_owned()
        };
        prop_assert_eq!(sections(one.export()), sections(other.export()));
        // Everything that was learned is known, or said to be not comparable.
        let mut active = one;
        active.advance(after(25));
        for event in &events {
            let outcome = active.observe(event, after(26));
            prop_assert!(!matches!(outcome, palisade_behaviour::Outcome::Deviation(_)), "{:?}", outcome);
        }
    }
}
