//! The examples of `docs/policy.md`.

use palisade_defender::policy::{Enforce, Policy};

#[test]
fn every_example_of_the_document_is_a_policy() {
    let document = include_str!("../../../../docs/policy.md");
    let mut examples = 0;
    for block in document.split("```toml\n").skip(1) {
        let text = block.split("```").next().unwrap();
        let policy =
            Policy::parse(text, "example").unwrap_or_else(|problems| panic!("{problems}\n{text}"));
        assert_eq!(policy.warnings(), [], "{text}");
        assert!(policy.check(&Enforce::all()).to_string().contains("default"));
        examples += 1;
    }
    assert!(examples >= 6, "{examples}");
}
