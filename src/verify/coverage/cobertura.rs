//! Cobertura's XML: `<class filename>` with `<line number hits>`, and `<source>` folders that file names start from
//! (<https://raw.githubusercontent.com/cobertura/web/master/htdocs/xml/coverage-04.dtd>).

use super::{Gathered, Place, ReportError, ReportFormat, ReportedFile, damaged};
use roxmltree::{Document, Node, ParsingOptions};

const FORMAT: ReportFormat = ReportFormat::Cobertura;

/// Nodes of a document, each a line, an attribute's element or a text.
const MAX_NODES: u32 = 20_000_000;

pub(super) fn parse(text: &str) -> Result<Vec<ReportedFile>, ReportError> {
    // Tools write the document type. It is not fetched, and what it declares is expanded within bounds.
    let options = ParsingOptions {
        allow_dtd: true,
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options).map_err(|e| {
        let at = e.pos();
        damaged(
            FORMAT,
            Place::Column(at.row as usize, at.col as usize),
            format!("it is no XML ({e})"),
        )
    })?;
    let root = document.root_element();
    let packages = child(root, "packages");
    let (true, Some(packages)) = (root.has_tag_name("coverage"), packages) else {
        return Err(damaged(
            FORMAT,
            Place::Whole,
            "it has no <coverage> with <packages>",
        ));
    };
    let sources: Vec<String> = child(root, "sources")
        .into_iter()
        .flat_map(|sources| sources.children())
        .filter(|node| node.has_tag_name("source"))
        .filter_map(|source| Some(source.text()?.trim().to_owned()))
        .filter(|source| !source.is_empty())
        .collect();
    let mut found = Gathered::new(FORMAT);
    for class in packages.descendants().filter(|n| n.has_tag_name("class")) {
        let path = attribute(&document, class, "filename")?;
        found.file(path, &sources);
        // Some tools name a method's lines with the method only, and some name them twice.
        for line in class.descendants().filter(|n| n.has_tag_name("line")) {
            let number = number(&document, line, "number")?;
            let hits = number_of_hits(&document, line)?;
            found.line(number, hits, place(&document, line))?;
        }
    }
    Ok(found.files)
}

fn child<'a, 'd>(node: Node<'a, 'd>, name: &str) -> Option<Node<'a, 'd>> {
    node.children().find(|child| child.has_tag_name(name))
}

fn attribute<'a>(
    document: &Document<'_>,
    node: Node<'a, '_>,
    name: &str,
) -> Result<&'a str, ReportError> {
    node.attribute(name).ok_or_else(|| {
        let what = format!("<{}> has no `{name}`", node.tag_name().name());
        damaged(FORMAT, place(document, node), what)
    })
}

fn number(document: &Document<'_>, node: Node<'_, '_>, name: &str) -> Result<u64, ReportError> {
    let text = attribute(document, node, name)?;
    text.trim().parse().map_err(|_| {
        let what = format!("`{name}` is not a number");
        damaged(FORMAT, place(document, node), what)
    })
}

/// Some tools write counts with a fraction or an exponent.
fn number_of_hits(document: &Document<'_>, node: Node<'_, '_>) -> Result<bool, ReportError> {
    let hits = attribute(document, node, "hits")?.trim().parse::<f64>();
    match hits {
        Ok(hits) if !hits.is_nan() => Ok(hits > 0.0),
        _ => Err(damaged(
            FORMAT,
            place(document, node),
            "`hits` is not a number",
        )),
    }
}

/// The line of an element. Counting lines up to each of a million elements would take hours, so that only the
/// whole is named in reports that are larger than anybody reads.
fn place(document: &Document<'_>, node: Node<'_, '_>) -> Place {
    const LOOKED_AT: usize = 64 << 10;
    if node.range().start > LOOKED_AT {
        return Place::Whole;
    }
    let at = document.text_pos_at(node.range().start);
    Place::Column(at.row as usize, at.col as usize)
}
