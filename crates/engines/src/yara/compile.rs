//! Compiles rules, in a process of its own: the code generator's memory goes with it, and rules that
//! bring it down bring down nothing else.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use palisade_model::encode_hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{RuleFile, blob};

/// Changes when the same sources would give another blob.
const COMPILER_VERSION: &str = concat!("palisade-2 ", "yara-x-1.22.1 ", env!("CARGO_PKG_VERSION"));

/// A rule file, or some rules of it, that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleProblem {
    /// Which file.
    pub file: String,
    /// The compiler's words, with line and column.
    pub message: String,
}

/// Rules ready for the jail.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// For [`super::load`]: a [`super::blob`].
    pub blob: Vec<u8>,
    /// Names the sources: equal for equal ones.
    pub version: String,
    /// Rules in it.
    pub rules: usize,
    /// What was left out.
    pub problems: Vec<RuleProblem>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    version: String,
    rules: usize,
    problems: Vec<RuleProblem>,
    blob_bytes: u64,
    blob_sha256: String,
}

/// Compiles rules by running the program again, and keeps what it compiled.
#[derive(Debug, Clone)]
pub struct Compiler {
    /// The program, and the arguments that make it call [`compile_main`].
    pub executable: PathBuf,
    /// See `executable`.
    pub arguments: Vec<String>,
    /// Where compiled rules are kept; `None` to keep none. Only this user may write there: a blob
    /// holds native code.
    pub cache: Option<PathBuf>,
}

impl Compiler {
    /// Compiles these files, or finds them compiled.
    ///
    /// # Errors
    /// Only when the process cannot be run; rules that do not compile are [`Compiled::problems`].
    pub fn compile(&self, files: &[RuleFile]) -> io::Result<Compiled> {
        let version = version(files);
        let kept = self.cache.as_ref().map(|cache| cache.join(format!("{version}.yarc")));
        if let Some(path) = &kept
            && let Ok(bytes) = std::fs::read(path)
            && let Ok(compiled) = decode(&bytes)
            && compiled.version == version
        {
            return Ok(compiled);
        }
        let bytes = self.run(files)?;
        let compiled = decode(&bytes)?;
        if let Some(path) = &kept {
            // A full disk must not keep the rules from being used.
            if let Err(error) = keep(path, &bytes) {
                tracing::warn!(%error, path = %path.display(), "compiled rules are not kept");
            }
        }
        Ok(compiled)
    }

    fn run(&self, files: &[RuleFile]) -> io::Result<Vec<u8>> {
        let mut child = Command::new(&self.executable)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let input = serde_json::to_vec(files)?;
        let mut stdin = child.stdin.take().ok_or_else(|| io::Error::other("no pipe"))?;
        // Written from a thread: the compiler may answer before it has read everything.
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output()?;
        let _ = writer.join();
        if !output.status.success() {
            let last = String::from_utf8_lossy(&output.stderr);
            let last = last.lines().last().unwrap_or("no message").to_owned();
            return Err(io::Error::other(format!("the rule compiler failed: {last}")));
        }
        Ok(output.stdout)
    }
}

fn keep(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().ok_or_else(|| io::Error::other("no directory"))?;
    std::fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

/// The version of a set of rule files: 16 hexadecimal digits.
fn version(files: &[RuleFile]) -> String {
    let mut digest = Sha256::new();
    digest.update(COMPILER_VERSION);
    for file in files {
        for text in [&file.name, &file.source] {
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text);
        }
    }
    encode_hex(&digest.finalize()[..8])
}

/// The compiling process: rule files as JSON on standard input, the compiled form on standard
/// output. Returns the exit code.
pub fn compile_main() -> i32 {
    let mut input = Vec::new();
    let compiled = io::stdin()
        .read_to_end(&mut input)
        .and_then(|_| Ok(serde_json::from_slice::<Vec<RuleFile>>(&input)?))
        .and_then(|files| encode(&files));
    match compiled.and_then(|bytes| io::stdout().write_all(&bytes)) {
        Ok(()) => 0,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            1
        }
    }
}

/// Rule files that have their own part: more are put together, so that a large set does not become
/// many.
const MAX_PARTS: usize = 32;

fn encode(files: &[RuleFile]) -> io::Result<Vec<u8>> {
    let (whole, problems) = compile(files)?;
    let count = whole.iter().len();
    let mut sets = vec![(String::new(), whole.serialize().map_err(io::Error::other)?)];
    if files.len() > 1 {
        let size = files.len().div_ceil(MAX_PARTS);
        for part in files.chunks(size) {
            let names: Vec<&str> = part.iter().map(|file| file.name.as_str()).collect();
            let (rules, _) = compile(part)?;
            sets.push((names.join(", "), rules.serialize().map_err(io::Error::other)?));
        }
    }
    let blob = blob::join(&sets);
    let head = Head {
        version: version(files),
        rules: count,
        problems,
        blob_bytes: blob.len() as u64,
        blob_sha256: encode_hex(&Sha256::digest(&blob)),
    };
    let mut bytes = serde_json::to_vec(&head)?;
    bytes.push(b'\n');
    bytes.extend_from_slice(&blob);
    Ok(bytes)
}

/// Compiles files together; what does not compile is left out and told.
fn compile(files: &[RuleFile]) -> io::Result<(yara_x::Rules, Vec<RuleProblem>)> {
    let mut compiler = yara_x::Compiler::new();
    // Rules of the field are often written for the older YARA's looser syntax.
    compiler.relaxed_re_syntax(true);
    // An include would read files of this host in the name of whoever wrote the rule.
    compiler.enable_includes(false);
    for name in ["filename", "filepath", "extension", "filetype"] {
        compiler.define_global(name, "").map_err(io::Error::other)?;
    }
    let mut problems = Vec::new();
    for file in files {
        let known = compiler.errors().len();
        compiler.new_namespace(&file.name);
        let source = yara_x::SourceCode::from(file.source.as_str()).with_origin(&file.name);
        if compiler.add_source(source).is_err() {
            problems.extend(
                compiler.errors().iter().skip(known).take(20).map(|error| RuleProblem {
                    file: file.name.clone(),
                    message: error.to_string(),
                }),
            );
        }
    }
    Ok((compiler.build(), problems))
}

fn decode(bytes: &[u8]) -> io::Result<Compiled> {
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "compiled rules are damaged");
    let end = bytes.iter().position(|&byte| byte == b'\n').ok_or_else(broken)?;
    let head: Head = serde_json::from_slice(&bytes[..end])?;
    let blob = &bytes[end + 1..];
    if blob.len() as u64 != head.blob_bytes || encode_hex(&Sha256::digest(blob)) != head.blob_sha256
    {
        return Err(broken());
    }
    Ok(Compiled {
        blob: blob.to_vec(),
        version: head.version,
        rules: head.rules,
        problems: head.problems,
    })
}
