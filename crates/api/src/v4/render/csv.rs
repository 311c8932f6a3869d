//! A result as a table: RFC 4180, one line for each file of the tree.

use palisade_model::{NodeId, Report, RequestSummary};

use super::tree::Tree;
use super::{engine, node, of_request};

const HEAD: [&str; 10] = [
    "path",
    "data_id",
    "parent_data_id",
    "file_size",
    "file_type",
    "sha256",
    "encrypted",
    "scan_all_result_i",
    "scan_all_result_a",
    "detections",
];

/// The table of a node and everything inside it. `None` when the report has no such node.
pub fn csv(report: &Report, asked: NodeId, summary: &RequestSummary) -> Option<String> {
    let tree = Tree::new(report);
    let asked = of_request(asked, report.request.node.root);
    tree.entry(asked)?;
    let root = summary.node.root;
    let mut table = String::new();
    line(&mut table, HEAD.map(str::to_owned));
    for entry in tree.below(asked) {
        let codes = tree.codes(entry);
        let code = codes.first().copied().unwrap_or(super::ScanCode::Failed);
        let detections: Vec<String> = engine::detections(entry)
            .map(|detection| format!("{}: {}", detection.engine, detection.name))
            .collect();
        let parent = entry.parent.map(|parent| of_request(parent, root).to_string());
        line(
            &mut table,
            [
                node::path(summary, &entry.path),
                of_request(entry.node, root).to_string(),
                parent.unwrap_or_default(),
                entry.artifact.size.to_string(),
                node::type_info(entry).mime,
                entry.artifact.sha256().to_string(),
                entry.encrypted.to_string(),
                code.number().to_string(),
                code.text().to_owned(),
                detections.join("; "),
            ],
        );
    }
    Some(table)
}

fn line(table: &mut String, cells: [String; HEAD.len()]) {
    for (place, cell) in cells.iter().enumerate() {
        if place > 0 {
            table.push(',');
        }
        // A name in an archive is a stranger's: a cell that begins like a formula would be one in a
        // spreadsheet (CWE-1236).
        let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
        if formula || cell.contains([',', '"', '\n', '\r']) {
            table.push('"');
            if formula {
                table.push('\'');
            }
            table.push_str(&cell.replace('"', "\"\""));
            table.push('"');
        } else {
            table.push_str(cell);
        }
    }
    table.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stay_cells() {
        let mut table = String::new();
        let mut cells = HEAD.map(|_| String::new());
        cells[0] = "a,\"b\"\r\nc".to_owned();
        cells[1] = "=1+1".to_owned();
        line(&mut table, cells);
        assert_eq!(table, "\"a,\"\"b\"\"\r\nc\",\"'=1+1\",,,,,,,,\r\n");
    }
}
