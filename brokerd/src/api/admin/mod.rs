//! `/v1/admin`: what administrators, operators and auditors do, each behind the permission that it wants.

mod etag;
mod page;
mod query;
