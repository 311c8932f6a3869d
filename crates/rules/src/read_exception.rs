//! The exceptions of a rule, from YAML.

use crate::item::{Entry, Exception};
use crate::mapping::Mapping;
use crate::problem::{Code, Fault, Problems};
use crate::yaml::{Data, Node};

/// Reads `exceptions`; nothing if there is no such key. Where they are appended, values matter.
pub(crate) fn exceptions(
    item: &Mapping<'_>,
    append: bool,
    problems: &mut Problems,
) -> Result<Option<Vec<Exception>>, Fault> {
    let Some(node) = item.get("exceptions") else { return Ok(None) };
    let nodes = match &node.data {
        Data::Null => return Ok(Some(Vec::new())),
        Data::Sequence(nodes) => nodes,
        Data::Scalar(_) | Data::Mapping(_) => {
            let message = "`exceptions` is a sequence";
            return Err(Fault::new(Code::Exception, item.at(node), message));
        }
    };
    let mut exceptions: Vec<Exception> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let entry = item.inner(node)?;
        entry.warn_of_others(&["name", "fields", "comps", "values"], problems);
        let name = entry.need_str("name")?.to_owned();
        let position = entry.position();
        if exceptions.iter().any(|other| other.name == name) {
            let message = format!("the exception `{name}` is there twice");
            problems.warn(Code::Exception, position, message);
        }
        let values = match entry.get("values").map(|node| (&node.data, node)) {
            Some((Data::Sequence(values), _)) => {
                values.iter().map(|value| read_entry(&entry, value)).collect::<Result<_, _>>()?
            }
            Some((Data::Null, _)) | None => {
                if append {
                    let message = format!("the exception `{name}` adds no values");
                    problems.warn(Code::Exception, position, message);
                }
                Vec::new()
            }
            Some((_, node)) => {
                let message = "`values` is a sequence";
                return Err(Fault::new(Code::Exception, item.at(node), message));
            }
        };
        let fields = entry.get("fields").map(|node| read_entry(&entry, node)).transpose()?;
        let comparisons = entry.get("comps").map(|node| read_entry(&entry, node)).transpose()?;
        exceptions.push(Exception { name, position, fields, comparisons, values });
    }
    Ok(Some(exceptions))
}

fn read_entry(mapping: &Mapping<'_>, node: &Node) -> Result<Entry, Fault> {
    let position = mapping.at(node);
    match &node.data {
        Data::Scalar(text) => Ok(Entry::One(text.clone(), position)),
        Data::Sequence(nodes) => {
            let entries = nodes.iter().map(|node| read_entry(mapping, node));
            Ok(Entry::Many(entries.collect::<Result<_, _>>()?, position))
        }
        Data::Null | Data::Mapping(_) => {
            Err(Fault::new(Code::Exception, position, "expected a value or a sequence of values"))
        }
    }
}
