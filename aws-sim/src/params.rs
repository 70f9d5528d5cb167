//! The parameters of AWS's query protocol, each of which must be used.

use std::collections::BTreeMap;

use http::{HeaderMap, Method, header};
use url::form_urlencoded;

use crate::refusal::Refusal;

/// Names and values, from the query string and from a form in the body.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(BTreeMap<String, String>);

impl Params {
    /// Nothing if some name is there twice: which of the two would count is anybody's guess.
    pub(crate) fn read(
        method: &Method,
        query: Option<&str>,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Self, Refusal> {
        let form = if *method == Method::POST && is_form(headers) { body } else { &[] };
        let query = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let mut params = BTreeMap::new();
        for (name, value) in query.chain(form_urlencoded::parse(form)) {
            if params.insert(name.to_string(), value.into_owned()).is_some() {
                return Err(Refusal::validation(format!("Parameter {name} is there more than once.")));
            }
        }
        Ok(Self(params))
    }

    /// The names of what stands in a query string.
    pub(crate) fn names(query: Option<&str>) -> Vec<String> {
        form_urlencoded::parse(query.unwrap_or_default().as_bytes()).map(|(name, _)| name.into_owned()).collect()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    /// The values of `NAME.member.1SUFFIX`, `NAME.member.2SUFFIX`… `suffix` is empty or begins with a dot.
    pub(crate) fn take_list(&mut self, name: &str, suffix: &str) -> Vec<String> {
        // An empty list is written as `NAME=`.
        if self.get(name) == Some("") {
            self.take(name);
        }
        (1..).map_while(|n| self.take(&format!("{name}.member.{n}{suffix}"))).collect()
    }

    /// Whether anything is left under `NAME.member.N`.
    pub(crate) fn has_member(&self, name: &str, n: usize) -> bool {
        let prefix = format!("{name}.member.{n}.");
        self.0.keys().any(|key| key.starts_with(&prefix))
    }

    /// AWS ignores what it does not know; here it is an error, so that no mistake goes unseen.
    pub(crate) fn nothing_left(&self) -> Result<(), Refusal> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(Refusal::validation(format!("Parameter {name} is not accepted by this action."))),
        }
    }

    /// What may be shown in the journal.
    pub(crate) fn without_secrets(&self) -> BTreeMap<String, String> {
        let shown = self.0.iter().filter(|(name, _)| !SECRET.contains(&name.as_str()));
        shown.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"))
}

const SECRET: &[&str] = &["TokenCode", "Session", "SigninToken", "X-Amz-Security-Token", "X-Amz-Signature"];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Params, Refusal> {
        Params::read(&Method::GET, Some(query), &HeaderMap::new(), b"")
    }

    #[test]
    fn lists_are_taken_in_order_and_leftovers_show() {
        let mut params = read("L.member.1=a&L.member.2=b&L.member.4=d&T.member.1.Key=k&E=").unwrap();
        assert_eq!(params.take_list("L", ""), ["a", "b"]);
        assert_eq!(params.take_list("T", ".Key"), ["k"]);
        assert!(params.take_list("E", "").is_empty());
        assert!(params.nothing_left().unwrap_err().message.contains("L.member.4"));
        assert!(read("a=1&a=2").is_err());
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = read("Action=x&TokenCode=123456&SigninToken=s").unwrap().without_secrets();
        assert_eq!(shown.keys().collect::<Vec<_>>(), ["Action"]);
    }
}
