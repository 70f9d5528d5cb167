//! Pages for browsers: signing in, and the way on to AWS's console.

pub(crate) mod cookie;
