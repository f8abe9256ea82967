//! Errors as people see them.

use super::text::{Paint, clean};

/// `error: …`, and `hint: …` below it where there is something to do. Further lines of either are
/// indented, so that a message never looks like two.
pub fn render(message: &str, hint: Option<&str>, color: bool) -> String {
    let mut out = labelled("error:", Paint::Bad, message, color);
    if let Some(hint) = hint.filter(|h| !h.trim().is_empty()) {
        out.push_str(&labelled("hint:", Paint::Good, hint, color));
    }
    out
}

/// A line that starts with `warning: `.
pub fn warning(message: &str, color: bool) -> String {
    labelled("warning:", Paint::Doubt, message, color)
}

fn labelled(label: &str, paint: Paint, text: &str, color: bool) -> String {
    let text = clean(text.trim_end());
    let indent = format!("\n{}", " ".repeat(label.len() + 1));
    format!(
        "{} {}\n",
        paint.on(color, label),
        text.replace('\n', &indent)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shape() {
        assert_eq!(render("no", None, false), "error: no\n");
        assert_eq!(
            render("a\nb\x1b[1m", Some("try this"), false),
            "error: a\n       b␛[1m\nhint: try this\n"
        );
        assert_eq!(render("no", Some(" "), true), "\x1b[31merror:\x1b[0m no\n");
        assert_eq!(warning("hm", false), "warning: hm\n");
    }
}
