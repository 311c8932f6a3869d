//! A caller, and many at once.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::support::eventually;

/// A caller of one gateway, which may be down at the moment.
#[derive(Clone)]
pub(super) struct Client {
    base: String,
    key: String,
    agent: ureq::Agent,
}

impl Client {
    pub(super) fn new(gateway: SocketAddr, key: String) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(40)))
            .build()
            .into();
        Self { base: format!("http://{gateway}"), key, agent }
    }

    /// Status and JSON; `None` when nobody answers.
    pub(super) fn get(&self, path: &str) -> Option<(u16, Value)> {
        let url = format!("{}{path}", self.base);
        let mut answer = self.agent.get(url).header("apikey", &self.key).call().ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.body_mut().read_json().unwrap_or_default()))
    }

    /// The `data_id` of an upload that was acknowledged.
    pub(super) fn upload(&self, name: &str, seconds: u32, body: &[u8]) -> Option<String> {
        let (_, answer) = self.answer_to_upload(name, seconds, body)?;
        Some(answer["data_id"].as_str()?.to_owned())
    }

    /// Status and JSON of an upload; `None` when nobody answers.
    pub(super) fn answer_to_upload(
        &self,
        name: &str,
        seconds: u32,
        body: &[u8],
    ) -> Option<(u16, Value)> {
        let sent = self
            .agent
            .post(format!("{}/file", self.base))
            .header("apikey", &self.key)
            .header("filename", name)
            .header("global-timeout", seconds.to_string())
            .send(body);
        let mut answer = sent.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.body_mut().read_json().unwrap_or_default()))
    }

    /// Waits for a report.
    pub(super) fn report(&self, id: &str) -> Value {
        eventually(240, &format!("the report of {id}"), || {
            let (status, answer) = self.get(&format!("/file/{id}?wait=10"))?;
            assert_ne!(status, 404, "an acknowledged request is not known: {id}");
            let done = answer["scan_results"]["progress_percentage"] == 100;
            (status == 200 && done).then_some(answer)
        })
    }

    pub(super) fn wait_until_ready(&self) {
        let ready = || {
            let (status, answer) = self.get("/readyz")?;
            let all = answer["engines"].as_array()?.iter().all(|engine| engine["status"] == true);
            (status == 200 && all).then_some(())
        };
        eventually(60, "everything is ready", ready);
    }
}

/// Uploads small files from several threads while `fault` acts; every acknowledged id.
pub(super) fn under_load(client: &Client, seconds: u32, fault: impl FnOnce()) -> Vec<String> {
    let stop = AtomicBool::new(false);
    let acknowledged = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for lane in 0..3 {
            let (stop, acknowledged, client) = (&stop, &acknowledged, client.clone());
            scope.spawn(move || {
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    number += 1;
                    let body = body(lane, number);
                    match client.upload(&format!("{lane}-{number}.zip"), seconds, &body) {
                        Some(id) => acknowledged.lock().expect("no panic").push(id),
                        None => std::thread::sleep(Duration::from_millis(100)),
                    }
                    std::thread::sleep(Duration::from_millis(25));
                }
            });
        }
        fault();
        stop.store(true, Ordering::Relaxed);
    });
    acknowledged.into_inner().expect("no panic")
}

/// An archive that nobody has sent before, with two files.
pub(super) fn body(lane: usize, number: usize) -> Vec<u8> {
    let one = format!("lane {lane} number {number}\n");
    let other = format!("number {number} of lane {lane}\n");
    palisade_formats::samples::zip(&[("one.txt", one.as_bytes()), ("other.txt", other.as_bytes())])
}

/// That every request has one report, whole and clean, and the same one when asked again.
pub(super) fn all_are_whole(client: &Client, ids: &[String]) {
    let mut unique = ids.to_vec();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), ids.len(), "an id was given twice");
    for id in ids {
        let report = client.report(id);
        assert_eq!(report["partial"], false, "{report}");
        assert_eq!(report["scan_results"]["scan_all_result_i"], 0, "{report}");
        let tree = report["tree"].as_array().map_or(0, Vec::len);
        assert_eq!(tree, 3, "an archive and two files: {report}");
        let hash = report["file_info"]["sha256"].as_str().expect("a hash");
        let history = client.get(&format!("/hash/{hash}/scanhistory")).expect("an answer").1;
        let scans = history["scan_result_history"].as_array().map_or(0, Vec::len);
        assert_eq!(scans, 1, "one report: {history}");
    }
}
