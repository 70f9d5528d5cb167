//! As much of S3 as it takes to try out rights: buckets to list, objects to get, put and delete.

mod chunked;

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use axum::body::Bytes;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};
use percent_encoding::percent_decode_str;

use crate::authorize::{ResourcePolicy, Target, authorize, not_authorized};
use crate::caller::Caller;
use crate::cloud::Cloud;
use crate::front::{Answer, Errand};
use crate::policy::{Ask, Context};
use crate::refusal::Refusal;
use crate::sts::describe_errand;
use crate::world::{Snapshot, World};
use crate::xml::Xml;

/// The contents of all buckets, by bucket and key.
#[derive(Debug, Default)]
pub(crate) struct Objects(RwLock<BTreeMap<(String, String), Bytes>>);

impl Objects {
    pub(crate) fn of(world: &World) -> Self {
        let objects = world.buckets.iter().flat_map(|bucket| {
            let named = |(key, content): (&String, &Vec<u8>)| {
                ((bucket.name.clone(), key.clone()), Bytes::from(content.clone()))
            };
            bucket.objects.iter().map(named)
        });
        Self(RwLock::new(objects.collect()))
    }

    fn get(&self, bucket: &str, key: &str) -> Option<Bytes> {
        let objects = self.0.read().unwrap_or_else(PoisonError::into_inner);
        objects.get(&(bucket.to_owned(), key.to_owned())).cloned()
    }

    fn put(&self, bucket: &str, key: &str, content: Bytes) {
        let mut objects = self.0.write().unwrap_or_else(PoisonError::into_inner);
        objects.insert((bucket.to_owned(), key.to_owned()), content);
    }

    fn delete(&self, bucket: &str, key: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&(bucket.to_owned(), key.to_owned()));
    }

    fn keys(&self, bucket: &str) -> Vec<(String, usize)> {
        let objects = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let of_bucket = objects.iter().filter(|((name, _), _)| name == bucket);
        of_bucket.map(|((_, key), content)| (key.clone(), content.len())).collect()
    }
}

/// The action behind a method and a path, or nothing.
pub(crate) fn action(parts: &Parts) -> &'static str {
    match (&parts.method, address(parts.uri.path())) {
        (&Method::GET, Address::Service) => "ListBuckets",
        (&Method::GET, Address::Bucket(_)) => "ListObjectsV2",
        (&Method::GET, Address::Object(..)) => "GetObject",
        (&Method::HEAD, Address::Object(..)) => "HeadObject",
        (&Method::PUT, Address::Object(..)) => "PutObject",
        (&Method::DELETE, Address::Object(..)) => "DeleteObject",
        _ => "",
    }
}

pub(crate) fn answer(
    cloud: &Cloud,
    world: &Snapshot,
    caller: &Caller,
    action: &str,
    errand: &Errand,
) -> Result<Answer, Refusal> {
    let mut context = Context::default();
    caller.describe(world, &mut context);
    describe_errand(cloud, errand, &mut context);
    let visit = Visit { world, caller, context };
    match (action, address(errand.parts.uri.path())) {
        ("ListBuckets", _) => {
            visit.allow("s3:ListAllMyBuckets", None, "")?;
            Ok(list_buckets(world, caller))
        }
        ("ListObjectsV2", Address::Bucket(bucket)) => {
            visit.allow("s3:ListBucket", Some(&bucket), "")?;
            Ok(list_objects(cloud, &bucket, errand.params.get("prefix").unwrap_or_default()))
        }
        ("GetObject" | "HeadObject", Address::Object(bucket, key)) => {
            visit.allow("s3:GetObject", Some(&bucket), &key)?;
            let body = cloud
                .objects
                .get(&bucket, &key)
                .ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist."))?;
            Ok(Answer { content_type: "binary/octet-stream", body })
        }
        ("PutObject", Address::Object(bucket, key)) => {
            visit.allow("s3:PutObject", Some(&bucket), &key)?;
            let uploaded = chunked::content(&errand.parts.headers, &errand.body)?;
            cloud.objects.put(&bucket, &key, uploaded);
            Ok(Answer { content_type: "application/xml", body: Bytes::new() })
        }
        ("DeleteObject", Address::Object(bucket, key)) => {
            visit.allow("s3:DeleteObject", Some(&bucket), &key)?;
            cloud.objects.delete(&bucket, &key);
            Ok(Answer { content_type: "application/xml", body: Bytes::new() })
        }
        _ => Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            "The specified method is not allowed against this resource.",
        )),
    }
}

/// What clients want to know of an object beside its content. Nothing here ever has another version.
pub(crate) fn described(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::ETAG, HeaderValue::from_static("\"00000000000000000000000000000000\""));
    headers.insert(header::LAST_MODIFIED, HeaderValue::from_static("Thu, 01 Jan 2026 00:00:00 GMT"));
    response
}

/// S3 has its own error document, and its own names for some refusals.
pub(crate) fn refusal(refusal: &Refusal, request_id: &str) -> (StatusCode, Answer) {
    let (status, code) = match refusal.code {
        "InvalidClientTokenId" => (StatusCode::FORBIDDEN, "InvalidAccessKeyId"),
        "ExpiredToken" => (StatusCode::BAD_REQUEST, "ExpiredToken"),
        "MissingAuthenticationToken" => (StatusCode::FORBIDDEN, "AccessDenied"),
        code => (refusal.status, code),
    };
    let mut xml = Xml::default();
    xml.element("Error", |xml| {
        xml.text("Code", code);
        xml.text("Message", &refusal.message);
        xml.text("RequestId", request_id);
    });
    (status, Answer { content_type: "application/xml", body: xml.into_string().into() })
}

struct Visit<'a> {
    world: &'a Snapshot,
    caller: &'a Caller,
    context: Context,
}

impl Visit<'_> {
    fn allow(&self, action: &str, bucket: Option<&str>, key: &str) -> Result<(), Refusal> {
        let slash = if key.is_empty() { "" } else { "/" };
        let name = bucket.unwrap_or("*");
        let resource = format!("arn:{}:s3:::{name}{slash}{key}", self.world.partition);
        let record = bucket.and_then(|bucket| self.world.buckets.get(bucket));
        let target = Target {
            account: record.map_or(self.caller.account(), |record| &record.account),
            policy: record
                .and_then(|record| record.policy.as_ref())
                .map_or(ResourcePolicy::None, ResourcePolicy::Optional),
        };
        let ask = Ask { action, resource: &resource, context: &self.context };
        authorize(self.caller, self.world, ask, target).map_err(|denial| {
            let sentence = not_authorized(self.caller, action, &format!("\"{resource}\""));
            Refusal::access_denied(format!("{sentence} {}", denial.because(action)))
        })?;
        match (bucket, record) {
            (Some(_), None) => {
                Err(Refusal::new(StatusCode::NOT_FOUND, "NoSuchBucket", "The specified bucket does not exist"))
            }
            _ => Ok(()),
        }
    }
}

/// What a path names.
enum Address {
    Service,
    Bucket(String),
    Object(String, String),
}

fn address(path: &str) -> Address {
    let path = percent_decode_str(path.trim_start_matches('/')).decode_utf8_lossy();
    match path.split_once('/') {
        None if path.is_empty() => Address::Service,
        None => Address::Bucket(path.into_owned()),
        Some((bucket, "")) => Address::Bucket(bucket.to_owned()),
        Some((bucket, key)) => Address::Object(bucket.to_owned(), key.to_owned()),
    }
}

fn list_buckets(world: &Snapshot, caller: &Caller) -> Answer {
    let mut xml = Xml::default();
    xml.root("ListAllMyBucketsResult", NAMESPACE, |xml| {
        xml.element("Owner", |xml| xml.text("ID", caller.account()));
        xml.element("Buckets", |xml| {
            for (name, _) in world.buckets.iter().filter(|(_, bucket)| bucket.account == caller.account()) {
                xml.element("Bucket", |xml| {
                    xml.text("Name", name);
                    xml.text("CreationDate", CREATED);
                });
            }
        });
    });
    Answer { content_type: "application/xml", body: xml.into_string().into() }
}

fn list_objects(cloud: &Cloud, bucket: &str, prefix: &str) -> Answer {
    let mut keys = cloud.objects.keys(bucket);
    keys.retain(|(key, _)| key.starts_with(prefix));
    let mut xml = Xml::default();
    xml.root("ListBucketResult", NAMESPACE, |xml| {
        xml.text("Name", bucket);
        xml.text("Prefix", prefix);
        xml.text("KeyCount", &keys.len().to_string());
        xml.text("MaxKeys", "1000");
        xml.text("IsTruncated", "false");
        for (key, size) in keys {
            xml.element("Contents", |xml| {
                xml.text("Key", &key);
                xml.text("LastModified", CREATED);
                xml.text("Size", &size.to_string());
                xml.text("StorageClass", "STANDARD");
            });
        }
    });
    Answer { content_type: "application/xml", body: xml.into_string().into() }
}

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
const CREATED: &str = "2026-01-01T00:00:00.000Z";
