//! Schemas of what the types alone do not say.

use utoipa::openapi::schema::{OneOfBuilder, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};

/// A policy: a JSON object, or a string that holds one.
pub(crate) fn policy() -> RefOr<Schema> {
    let one_of = OneOfBuilder::new()
        .item(ObjectBuilder::new().schema_type(Type::Object))
        .item(ObjectBuilder::new().schema_type(Type::String))
        .description(Some("An IAM policy: a JSON object, or a string that holds one."));
    RefOr::T(Schema::OneOf(one_of.build()))
}

/// `"off"`, or an object with a share.
pub(crate) fn reuse() -> RefOr<Schema> {
    let share = ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("minimum_share", ObjectBuilder::new().schema_type(Type::Number))
        .required("minimum_share");
    let one_of = OneOfBuilder::new()
        .item(ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["off"])))
        .item(share)
        .description(Some("`off`, or the share of their life that credentials must have left to be given again."));
    RefOr::T(Schema::OneOf(one_of.build()))
}
