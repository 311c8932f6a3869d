use std::collections::BTreeSet;

use palisade_api::ErrorCode;

use crate::support::client::Request;
use crate::support::{ADMIN, Server};

/// Every operation as one line, with the statuses that it documents.
fn operations(document: &serde_json::Value) -> Vec<String> {
    let mut lines = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            let statuses: Vec<_> = responses.keys().map(String::as_str).collect();
            lines.push(format!("{} {path}: {}", method.to_uppercase(), statuses.join(" ")));
        }
    }
    lines.sort();
    lines
}

#[tokio::test]
async fn the_document_is_served_and_golden() {
    let server = Server::start().await;
    for path in ["/openapi.json", "/v4/openapi.json"] {
        let served = server.call(Request::get(path).key(None)).await.json();
        let made = serde_json::to_value(palisade_api::document()).unwrap();
        assert_eq!(served, made);
    }
    let document = serde_json::to_value(palisade_api::document()).unwrap();
    insta::assert_snapshot!(operations(&document).join("\n"));
    // Sorted: whether a map keeps its order depends on what else is compiled.
    insta::with_settings!({ sort_maps => true }, {
        insta::assert_json_snapshot!("components", document["components"]);
    });
}

/// Whatever the document lists is there, with this method, under both prefixes.
#[tokio::test]
async fn what_is_documented_is_served() {
    let server = Server::start().await;
    let document = serde_json::to_value(palisade_api::document()).unwrap();
    for line in operations(&document) {
        let (call, _) = line.split_once(": ").unwrap();
        let (method, path) = call.split_once(' ').unwrap();
        let path: Vec<_> =
            path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
        for prefix in ["", "/v4"] {
            let path = format!("{prefix}{}", path.join("/"));
            let response = server.call(Request::new(method, &path).key(Some(ADMIN))).await;
            if response.status >= 400 {
                let code = response.json()["error"]["code"].as_u64();
                assert!(![Some(404_000), Some(405_000)].contains(&code), "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere_and_every_code_is_told() {
    let text = palisade_api::document().to_json().unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let references: BTreeSet<_> = text
        .split("#/components/schemas/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    for name in references {
        assert!(!document["components"]["schemas"][name].is_null(), "{name}");
    }
    for code in ErrorCode::ALL {
        // No operation can answer for a path that does not exist.
        let told = text.contains(&format!("{}: ", code.number()));
        assert!(told || code == ErrorCode::UnknownRoute, "{code:?}");
    }
}

/// `docs/api.md` has every error and every outcome code.
#[test]
fn the_manual_has_every_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api.md");
    let manual = std::fs::read_to_string(path).unwrap();
    for code in ErrorCode::ALL {
        let line = format!("| {} | {} |", code.number(), code.meaning());
        assert!(manual.contains(&line), "{line}");
    }
    for code in palisade_api::v4::ScanCode::ALL {
        let start = format!("| {} | {} |", code.number(), code.text());
        assert!(manual.contains(&start), "{start}");
    }
}
