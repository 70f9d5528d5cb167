//! `GET /docs`: the reference of the API as a page, made from the same document as `/openapi.json`.

use std::sync::LazyLock;

use askama::Template;
use axum::response::Response;
use serde_json::{Map, Value};

use super::page::{FormsLead, page};
use crate::openapi;
use crate::problem::{Code, Problem};

#[derive(Template)]
#[template(path = "docs.html")]
struct DocsPage<'a> {
    reference: &'a Reference,
}

/// What the page shows, taken from the document.
#[derive(Debug)]
struct Reference {
    about: Text,
    version: String,
    groups: Vec<Group>,
    types: Vec<Type>,
    problems: Vec<(&'static str, u16, &'static str)>,
}

#[derive(Debug)]
struct Group {
    name: String,
    operations: Vec<Operation>,
}

#[derive(Debug)]
struct Operation {
    id: String,
    method: String,
    path: String,
    summary: Text,
    description: Text,
    /// The kinds of credentials, each by its name.
    takes: Vec<String>,
    parameters: Vec<Row>,
    body: Vec<Content>,
    answers: Vec<Answer>,
}

#[derive(Debug)]
struct Answer {
    status: String,
    description: Text,
    content: Vec<Content>,
}

#[derive(Debug)]
struct Content {
    media_type: String,
    kind: Vec<Piece>,
}

/// A type of the document by its name, with its fields or, where it has none, what it is.
#[derive(Debug)]
struct Type {
    name: String,
    description: Text,
    kind: Vec<Piece>,
    fields: Vec<Row>,
    example: Option<String>,
}

#[derive(Debug)]
struct Row {
    name: String,
    /// Where a parameter stands; nothing for a field.
    place: String,
    required: bool,
    kind: Vec<Piece>,
    description: Text,
}

/// A piece of a type's description: words, or the name of another type.
#[derive(Clone, Debug)]
enum Piece {
    Words(String),
    Type(String),
}

/// Prose, in which every second piece was between backticks and is code.
type Text = Vec<(bool, String)>;

static REFERENCE: LazyLock<Reference> = LazyLock::new(|| Reference::of(&openapi::as_value()));

#[utoipa::path(
    get,
    path = "/docs",
    tag = "Operations",
    operation_id = "docs_page",
    summary = "This document as a page",
    description = "",
    responses((status = 200, description = "The page", body = String, content_type = "text/html")),
)]
pub(crate) async fn show() -> Result<Response, Problem> {
    page(&DocsPage { reference: &REFERENCE }, &FormsLead::home())
}

impl Reference {
    fn of(document: &Value) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        for (path, item) in members(&document["paths"]) {
            for method in ["get", "post", "put", "delete"] {
                let Some(operation) = item.get(method) else { continue };
                let name = word(&operation["tags"][0]);
                let shown = Operation::of(method, path, operation);
                match groups.iter_mut().find(|group| group.name == name) {
                    Some(group) => group.operations.push(shown),
                    None => groups.push(Group { name, operations: vec![shown] }),
                }
            }
        }
        groups.sort_by_key(|group| ORDER.iter().position(|name| *name == group.name).unwrap_or(ORDER.len()));
        let types = members(&document["components"]["schemas"]).map(|(name, schema)| Type::of(name, schema));
        Self {
            about: text(&document["info"]["description"]),
            version: word(&document["info"]["version"]),
            groups,
            types: types.collect(),
            problems: Code::ALL.into_iter().map(|code| (code.word(), code.status().as_u16(), code.title())).collect(),
        }
    }
}

impl Operation {
    fn of(method: &str, path: &str, operation: &Value) -> Self {
        let parameters = operation["parameters"].as_array().into_iter().flatten().map(|parameter| Row {
            name: word(&parameter["name"]),
            place: word(&parameter["in"]),
            required: parameter["required"] == true,
            kind: kind(&parameter["schema"]),
            description: text(&parameter["description"]),
        });
        let takes = operation["security"].as_array().into_iter().flatten();
        let takes = takes.filter_map(|scheme| scheme.as_object()?.keys().next().map(|name| name.replace('_', " ")));
        let answers =
            members(&operation["responses"]).filter(|(status, _)| *status != "default").map(|(status, answer)| {
                Answer {
                    status: status.to_owned(),
                    description: text(&answer["description"]),
                    content: contents(answer),
                }
            });
        Self {
            id: word(&operation["operationId"]),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: text(&operation["summary"]),
            description: text(&operation["description"]),
            takes: takes.collect(),
            parameters: parameters.collect(),
            body: contents(&operation["requestBody"]),
            answers: answers.collect(),
        }
    }
}

impl Type {
    fn of(name: &str, schema: &Value) -> Self {
        let required =
            |field: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|it| it == field));
        let fields = members(&schema["properties"]).map(|(name, field)| Row {
            name: name.to_owned(),
            place: String::new(),
            required: required(name),
            kind: kind(field),
            description: text(&field["description"]),
        });
        let fields: Vec<Row> = fields.collect();
        Self {
            name: name.to_owned(),
            description: text(&schema["description"]),
            kind: if fields.is_empty() { kind(schema) } else { Vec::new() },
            fields,
            example: schema.get("example").and_then(|example| serde_json::to_string_pretty(example).ok()),
        }
    }
}

/// What a schema says, in words.
fn kind(schema: &Value) -> Vec<Piece> {
    let words = |text: &str| vec![Piece::Words(text.to_owned())];
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return vec![Piece::Type(name.to_owned())];
    }
    for (key, between) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " with ")] {
        if let Some(parts) = schema[key].as_array() {
            let parts: Vec<Vec<Piece>> = parts.iter().filter(|part| part["type"] != "null").map(kind).collect();
            return parts.join(&Piece::Words(between.to_owned()));
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<String> = values.iter().filter_map(Value::as_str).map(|value| format!("\"{value}\"")).collect();
        return words(&values.join(", "));
    }
    let named = match &schema["type"] {
        Value::Array(names) => names.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        name => name.as_str(),
    };
    match (named, &schema["items"], &schema["additionalProperties"], &schema["properties"]) {
        (Some("array"), items, _, _) => [words("list of "), kind(items)].concat(),
        (Some("object"), _, values @ Value::Object(_), _) => [words("names, each with "), kind(values)].concat(),
        (Some("object"), _, _, Value::Object(fields)) => {
            let fields = fields.iter().map(|(name, field)| [words(&format!("{name}: ")), kind(field)].concat());
            let fields: Vec<Vec<Piece>> = fields.collect();
            [words("{ "), fields.join(&Piece::Words(", ".to_owned())), words(" }")].concat()
        }
        (Some(name), _, _, _) => match schema["format"].as_str() {
            Some("date-time") => words("time"),
            Some("password") => words("string, secret"),
            Some(_) | None => words(name),
        },
        (None, _, _, _) => words("anything"),
    }
}

fn contents(of: &Value) -> Vec<Content> {
    let contents = members(&of["content"]);
    contents.map(|(media_type, it)| Content { media_type: media_type.to_owned(), kind: kind(&it["schema"]) }).collect()
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter).map(|(name, value)| (name.as_str(), value))
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn text(value: &Value) -> Text {
    let prose = value.as_str().unwrap_or_default();
    let pieces = prose.split('`').enumerate().map(|(number, piece)| (number % 2 == 1, piece.to_owned()));
    pieces.filter(|(_, piece)| !piece.is_empty()).collect()
}

/// In which order people need them.
const ORDER: [&str; 7] = ["Signing in", "Vending", "Account", "Administration", "Operations", "Pages", "IFAWS"];
