//! The program, run as its users run it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The program under test.
pub(crate) fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_palisade"))
}

/// The EICAR test file. In two parts, so that no scanner takes this source for it.
pub(crate) fn eicar() -> Vec<u8> {
    [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$", "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"]
        .concat()
        .into_bytes()
}

/// A mail with a zip with the EICAR test file.
pub(crate) fn eicar_mail() -> Vec<u8> {
    use palisade_formats::{document, samples};
    let zip = samples::zip(&[("eicar.com", &eicar())]);
    document::samples::eml(&[("invoice.zip", &zip)])
}

/// Runs `palisade` to its end.
pub(crate) fn palisade(arguments: &[&str]) -> Output {
    Command::new(program())
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the program starts")
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Waits until `done` gives something, at most `seconds`.
pub(crate) fn eventually<T>(seconds: u64, what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(started.elapsed() < Duration::from_secs(seconds), "not within {seconds} s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A running server on a data directory of its own.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: String,
    pub(crate) key: String,
}

impl Server {
    /// Starts one, with settings in TOML.
    pub(crate) fn start(program: &Path, data: &Path, settings: &str) -> Self {
        std::fs::create_dir_all(data).expect("a data directory");
        let config = data.join("palisade.toml");
        std::fs::write(&config, settings).expect("settings");
        let _ = std::fs::remove_file(data.join("address"));
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(data.join("server.log"))
            .expect("a log");
        let mut process = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(&config)
            .arg("--data")
            .arg(data)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("the server starts");
        let address = eventually(60, "the server is ready", || {
            if let Ok(Some(status)) = process.try_wait() {
                let log = std::fs::read_to_string(data.join("server.log")).unwrap_or_default();
                panic!("the server ended ({status}):\n{log}");
            }
            std::fs::read_to_string(data.join("address")).ok().filter(|text| text.ends_with('\n'))
        });
        let key = std::fs::read_to_string(data.join("admin-key")).expect("an admin key");
        Self { process, address: address.trim().to_owned(), key: key.trim().to_owned() }
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.process.id()).expect("a process id")
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("it can be killed");
        self.process.wait().expect("it ends");
    }

    /// SIGTERM, and waits for the end.
    pub(crate) fn stop(&mut self) {
        let pid = rustix::process::Pid::from_raw(self.pid()).expect("a process id");
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.process.wait();
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// GET; status and JSON.
    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        let request = agent().get(self.url(path)).header("apikey", &self.key);
        answer(request.call())
    }

    /// POST of bytes with headers; status and JSON.
    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, Value) {
        let mut request = agent().post(self.url(path)).header("apikey", &self.key);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.send(body))
    }

    /// Uploads a file; its `data_id`.
    pub(crate) fn upload(&self, name: &str, body: &[u8]) -> String {
        let (status, answer) = self.post("/file", &[("filename", name)], body);
        assert_eq!(status, 200, "{answer}");
        answer["data_id"].as_str().expect("a data_id").to_owned()
    }

    /// Waits for a request's report.
    pub(crate) fn report(&self, data_id: &str) -> Value {
        eventually(120, "a report", || {
            let (status, answer) = self.get(&format!("/file/{data_id}?wait=20"));
            assert_eq!(status, 200, "{answer}");
            (answer["scan_results"]["progress_percentage"] == 100).then_some(answer)
        })
    }

    /// Uploads a file and waits for its report.
    pub(crate) fn scan(&self, name: &str, body: &[u8]) -> Value {
        self.report(&self.upload(name, body))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(100)))
        .build()
        .into()
}

fn answer(result: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, Value) {
    let mut response = result.expect("an answer");
    let status = response.status().as_u16();
    let text = response.body_mut().read_to_string().expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
