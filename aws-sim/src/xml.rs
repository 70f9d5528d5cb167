//! Writes the XML of AWS's query protocol.

/// An XML document in the making.
#[derive(Debug, Default)]
pub(crate) struct Xml(String);

impl Xml {
    /// Writes `<name>…</name>` around what `inside` writes.
    pub(crate) fn element(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        self.tagged(name, "", inside);
    }

    /// The same for the outermost element, which names the protocol's namespace.
    pub(crate) fn root(&mut self, name: &str, namespace: &str, inside: impl FnOnce(&mut Self)) {
        self.tagged(name, &format!(r#" xmlns="{namespace}""#), inside);
    }

    /// Writes `<name>text</name>`.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.element(name, |xml| xml.0.push_str(&escape(text)));
    }

    /// Writes what another document holds.
    pub(crate) fn append(&mut self, other: &Self) {
        self.0.push_str(&other.0);
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }

    fn tagged(&mut self, name: &str, attributes: &str, inside: impl FnOnce(&mut Self)) {
        for part in ["<", name, attributes, ">"] {
            self.0.push_str(part);
        }
        inside(self);
        for part in ["</", name, ">"] {
            self.0.push_str(part);
        }
    }
}

/// Makes text harmless inside XML and HTML, attributes included.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(char),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_nest_and_text_is_escaped() {
        let mut xml = Xml::default();
        xml.root("A", "urn:x", |xml| xml.text("B", "<&\"'>"));
        assert_eq!(xml.into_string(), r#"<A xmlns="urn:x"><B>&lt;&amp;&quot;&#39;&gt;</B></A>"#);
    }
}
