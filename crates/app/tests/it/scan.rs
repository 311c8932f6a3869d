//! `palisade scan`.

use std::io::Write;
use std::process::{Command, Stdio};

use palisade_formats::samples;
use serde_json::Value;

use crate::support::{eicar, eicar_mail, palisade, program, stderr, stdout};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn write(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("a file");
    path.display().to_string()
}

#[test]
fn a_test_virus_in_a_zip_in_a_mail_is_found_with_its_path() {
    let folder = folder();
    let path = write(&folder, "mail.eml", &eicar_mail());
    let output = palisade(&["scan", &path]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{text}{}", stderr(&output));
    assert!(text.contains("mail.eml → invoice.zip/eicar.com"), "{text}");
    assert!(text.contains("EICAR-Test-File"), "{text}");
    assert!(stderr(&output).contains("1 malicious"), "{}", stderr(&output));
}

#[test]
fn a_clean_tree_is_nothing_found() {
    let folder = folder();
    write(&folder, "a.txt", b"hello\n");
    write(&folder, "b.zip", &samples::zip(&[("c.txt", b"inside\n")]));
    let output = palisade(&["scan", &folder.path().display().to_string()]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    assert_eq!(stdout(&output), "");
    assert!(stderr(&output).contains("2 files"), "{}", stderr(&output));
}

#[test]
fn what_cannot_be_opened_is_exit_2_and_a_password_opens_it() {
    let folder = folder();
    let zip = samples::zip_encrypted("letmein", &[("eicar.com", &eicar())]);
    let path = write(&folder, "locked.zip", &zip);
    let output = palisade(&["scan", &path]);
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    assert!(stdout(&output).contains("ENCRYPTED"), "{}", stdout(&output));

    let output = palisade(&["scan", "--password", "wrong", "--password", "letmein", &path]);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    assert!(stdout(&output).contains("locked.zip → eicar.com"), "{}", stdout(&output));
}

#[test]
fn a_missing_file_is_exit_2_with_its_name() {
    let output = palisade(&["scan", "/no/such/file"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stdout(&output).contains("/no/such/file: No such file"), "{}", stdout(&output));
}

#[test]
fn an_unknown_engine_is_named_with_those_there_are() {
    let output = palisade(&["scan", "--engines", "nope", "/dev/null"]);
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    assert!(text.contains("`nope`") && text.contains("reputation"), "{text}");
}

#[test]
fn standard_input_is_scanned_under_its_name() {
    let mut child = Command::new(program())
        .args(["scan", "--format", "jsonl", "--stdin-name", "upload.eml", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("a pipe").write_all(&eicar_mail()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");
    assert_eq!(report["file_info"]["display_name"], "upload.eml");
    assert_eq!(report["scan_results"]["scan_all_result_a"], "Infected");
}

#[test]
fn json_is_an_array_in_the_form_of_the_api() {
    let folder = folder();
    write(&folder, "a.eml", &eicar_mail());
    write(&folder, "b.txt", b"hello\n");
    let output = palisade(&["scan", "--format", "json", &folder.path().display().to_string()]);
    let reports: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let reports = reports.as_array().expect("an array");
    assert_eq!(reports.len(), 2);
    for report in reports {
        assert_eq!(report["scan_results"]["progress_percentage"], 100);
        assert!(report["file_info"]["sha256"].is_string());
        let engines = report["scan_results"]["scan_details"].as_object().expect("engines");
        assert_eq!(engines.len(), 10, "{engines:?}");
        // As the server says it of an engine that it does not ask.
        assert_eq!(engines["elf"]["state"], "not-applicable");
        assert_ne!(engines["yara"]["state"], "not-applicable");
    }
}

#[test]
fn sarif_names_the_rule_and_the_place() {
    let folder = folder();
    let path = write(&folder, "eicar.com", &eicar());
    let output = palisade(&["scan", "--format", "sarif", &path]);
    let sarif: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(sarif["version"], "2.1.0");
    let results = sarif["runs"][0]["results"].as_array().expect("results");
    let yara = results
        .iter()
        .find(|result| result["ruleId"].as_str().is_some_and(|id| id.starts_with("yara/")))
        .expect("a YARA result");
    assert_eq!(yara["level"], "error");
    let region = &yara["locations"][0]["physicalLocation"]["region"];
    assert_eq!(region["byteOffset"], 0);
}

#[test]
fn lists_block_and_allow_by_every_hash() {
    let folder = folder();
    let path = write(&folder, "sample.bin", b"abc");
    // RFC 1321 and FIPS 180-4 give these for "abc".
    for hash in [
        "900150983cd24fb0d6963f7d28e17f72",
        "A9993E364706816ABA3E25717850C26C9CD0D89D",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad,Test.Threat",
    ] {
        let list = write(&folder, "list.csv", format!("# ours\n{hash}\n").as_bytes());
        let arguments = ["scan", "--engines", "reputation", "--blocklist", &list, &path];
        let output = palisade(&arguments);
        assert_eq!(output.status.code(), Some(1), "{hash}: {}", stdout(&output));
        if hash.contains("Test.Threat") {
            assert!(stdout(&output).contains("Test.Threat"), "{}", stdout(&output));
        }
    }
    let eicar = write(&folder, "eicar.com", &eicar());
    let list = write(
        &folder,
        "good.txt",
        b"275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f\n",
    );
    let output = palisade(&["scan", "--engines", "reputation", "--allowlist", &list, &eicar]);
    assert_eq!(output.status.code(), Some(1), "a block outweighs an allowance");
}

#[test]
fn limits_end_in_stated_outcomes() {
    let folder = folder();
    let inner = samples::zip(&[("deep.txt", b"x")]);
    let outer = samples::zip(&[("inner.zip", &inner), ("b.txt", b"y"), ("c.txt", &[b'z'; 5000])]);
    let path = write(&folder, "outer.zip", &outer);
    for (limit, words) in [
        (["--max-depth", "1"], "deeper than the limit"),
        (["--max-files", "2"], "OVER LIMIT"),
        (["--max-unpacked-file-size", "4k"], "OVER LIMIT"),
        (["--max-unpacked-size", "4k"], "OVER LIMIT"),
        (["--max-file-size", "16"], "larger than"),
    ] {
        let output = palisade(&["scan", limit[0], limit[1], &path]);
        assert_eq!(output.status.code(), Some(2), "{limit:?}: {}", stdout(&output));
        assert!(stdout(&output).contains(words), "{limit:?}: {}", stdout(&output));
    }
}

#[test]
fn a_rule_file_that_does_not_compile_leaves_the_others_working() {
    let folder = folder();
    let rules = folder.path().join("rules");
    std::fs::create_dir(&rules).expect("a directory");
    let good = "rule greeting : tag1 { meta: severity = \"suspicious\" strings: $a = \"hello world\" condition: $a }";
    std::fs::write(rules.join("good.yar"), good).expect("a rule");
    std::fs::write(rules.join("bad.yar"), "rule broken { condition: nonsense }").expect("a rule");
    let path = write(&folder, "a.txt", b"well, hello world\n");
    let rules = rules.display().to_string();
    let output = palisade(&["scan", "--format", "jsonl", "--rules", &rules, &path]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("bad.yar"), "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let findings = &report["scan_results"]["scan_details"]["yara"]["findings"];
    assert_eq!(findings[0]["id"], "greeting", "{report}");
    assert_eq!(findings[0]["tags"][0], "tag1");
    assert_eq!(findings[0]["evidence"][0]["label"], "$a");
    assert_eq!(findings[0]["evidence"][0]["offset"], 6);
}

#[test]
fn a_slow_rule_file_is_left_out_and_the_others_have_their_say() {
    let folder = folder();
    let rules = folder.path().join("rules");
    std::fs::create_dir(&rules).expect("a directory");
    let quick = "rule greeting { meta: severity = \"suspicious\" strings: $a = \"hello world\" condition: $a }";
    std::fs::write(rules.join("quick.yar"), quick).expect("a rule");
    // Forty thousand million steps.
    let slow = "rule slow { condition: for all i in (0..filesize - 1) : (for all j in (0..filesize - 1) : (uint8(i) + uint8(j) >= 0)) }";
    std::fs::write(rules.join("slow.yar"), slow).expect("a rule");
    let bytes = [b"hello world".as_slice(), &[b'x'; 200_000]].concat();
    let path = write(&folder, "a.txt", &bytes);
    let rules = rules.display().to_string();
    let output = palisade(&[
        "scan",
        "--format",
        "json",
        "--engines",
        "yara",
        "--rules",
        &rules,
        "--scan-timeout",
        "12",
        "--rule-timeout",
        "2",
        &path,
    ]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let report = stdout(&output);
    assert!(report.contains("\"greeting\""), "{report}");
    assert!(report.contains("slow.yar were left out"), "{report}");
}

#[test]
fn deceptive_names_are_found_and_shown_safely() {
    let folder = folder();
    // A program (the smallest that counts) whose name is written from right to left.
    let name = "photo\u{202e}gpj.exe";
    let bytes = std::fs::read("/bin/true").expect("a program");
    write(&folder, name, &bytes);
    let output = palisade(&["scan", &folder.path().display().to_string()]);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    assert!(stdout(&output).contains("\\u{202e}"), "{}", stdout(&output));
}

#[test]
fn a_file_that_contains_itself_ends() {
    let folder = folder();
    // Not a quine in the strict sense, but what a quine does to an unpacker: level after level.
    let mut bytes = samples::zip(&[("end.txt", b"end")]);
    for level in 0..40 {
        bytes = samples::zip(&[(&format!("level{level}.zip"), &bytes)]);
    }
    let path = write(&folder, "matryoshka.zip", &bytes);
    let output = palisade(&["scan", &path]);
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    assert!(stdout(&output).contains("deeper than the limit"), "{}", stdout(&output));
}

#[test]
fn completions_and_help_are_there() {
    let output = palisade(&["completions", "bash"]);
    assert!(stdout(&output).contains("_palisade"));
    let output = palisade(&["scan", "--help"]);
    assert!(stdout(&output).contains("Exit status"));
}
