//! Session tags: given with a call, or inherited along a chain of roles.

use super::Request;
use super::fields::{Check, TAG_KEY, TAG_VALUE};
use crate::params::Params;
use crate::policy::Context;
use crate::refusal::Refusal;
use crate::session::{Session, Tag};

/// The tags of a call, in shape but not yet judged.
#[derive(Debug)]
pub(crate) struct TagRequest {
    tags: Vec<Tag>,
    transitive_keys: Vec<String>,
}

/// The tags that a session will have.
#[derive(Debug, Default)]
pub(crate) struct Tagging {
    /// New ones first, then the inherited ones.
    pub(crate) all: Vec<Tag>,
}

impl TagRequest {
    /// Reads `Tags` and, where the call has it, `TransitiveTagKeys`.
    pub(crate) fn read(params: &mut Params, check: &mut Check, transitive: bool) -> Self {
        let mut tags = Vec::new();
        params.take_list("Tags", "");
        while params.has_member("Tags", tags.len() + 1) {
            let n = tags.len() + 1;
            let field = |part: &str| format!("tags.{n}.member.{part}");
            let key = params.take(&format!("Tags.member.{n}.Key"));
            let value = params.take(&format!("Tags.member.{n}.Value"));
            if key.is_none() && value.is_none() {
                break;
            }
            let key = check.required(&field("key"), key, TAG_KEY);
            let value = check.required(&field("value"), value, TAG_VALUE);
            tags.push(Tag { key, value, transitive: false });
        }
        check.at_most("tags", tags.len(), MAX_TAGS);
        let mut transitive_keys = Vec::new();
        if transitive {
            for key in params.take_list("TransitiveTagKeys", "") {
                transitive_keys.push(check.required("transitiveTagKeys", Some(key), TAG_KEY));
            }
            check.at_most("transitiveTagKeys", transitive_keys.len(), MAX_TAGS);
        }
        Self { tags, transitive_keys }
    }

    /// Judges the tags among themselves and against those that `parent` hands down.
    pub(crate) fn settle(mut self, parent: Option<&Session>) -> Result<Tagging, Refusal> {
        for (n, tag) in self.tags.iter().enumerate() {
            if tag.key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
                return Err(Refusal::invalid_parameter("Tag keys beginning with aws: are reserved for system use."));
            }
            if self.tags.iter().take(n).any(|other| same(&other.key, &tag.key)) {
                return Err(Refusal::invalid_parameter(
                    "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
                ));
            }
        }
        for key in &self.transitive_keys {
            let tag = self.tags.iter_mut().find(|tag| same(&tag.key, key)).ok_or_else(|| {
                Refusal::invalid_parameter("The specified transitive tag key must be included in the requested tags.")
            })?;
            tag.transitive = true;
        }
        let inherited = parent.map_or(&[][..], |parent| &parent.tags).iter().filter(|tag| tag.transitive);
        let mut all = self.tags.clone();
        for tag in inherited {
            if self.tags.iter().any(|new| same(&new.key, &tag.key)) {
                return Err(Refusal::invalid_parameter(
                    "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag \
                     key from the calling session.",
                ));
            }
            all.push(tag.clone());
        }
        Ok(Tagging { all })
    }
}

impl Tagging {
    /// Whether `sts:TagSession` is needed: inherited tags are passed on, too.
    pub(crate) fn is_used(&self) -> bool {
        !self.all.is_empty()
    }

    /// What policies may ask about the tags of the request.
    pub(crate) fn describe(&self, context: &mut Context) {
        if !self.is_used() {
            return;
        }
        for tag in &self.all {
            context.set(&format!("aws:RequestTag/{}", tag.key), tag.value.clone());
        }
        context.set_all("aws:TagKeys", self.all.iter().map(|tag| tag.key.clone()).collect());
        let transitive: Vec<String> = self.all.iter().filter(|tag| tag.transitive).map(|tag| tag.key.clone()).collect();
        if !transitive.is_empty() {
            context.set_all("sts:TransitiveTagKeys", transitive);
        }
    }

    /// Bytes that the tags take of the packed size.
    pub(crate) fn size(&self) -> usize {
        self.all.iter().map(|tag| tag.key.len() + tag.value.len() + 2).sum()
    }
}

/// The session whose transitive tags a call inherits.
pub(crate) fn parent<'a>(request: &Request<'a>) -> Option<&'a Session> {
    request.caller.session()
}

fn same(left: &str, right: &str) -> bool {
    left.to_lowercase() == right.to_lowercase()
}

const MAX_TAGS: usize = 50;
