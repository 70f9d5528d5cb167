//! What a stranger asked for that no client of ours asks for, in our words: the trail repeats nothing of theirs.

/// Why somebody was refused who has proved nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stranger {
    #[error("a client was to be registered with a redirect that is not on the person's own machine")]
    RegistersElsewhere,
    #[error("a client was to be registered with more redirects than one has")]
    RegistersTooMuch,
    #[error("a client was to be registered by a name that nobody can read")]
    RegistersNoName,
    #[error("a code was to go to a redirect that is not on the person's own machine")]
    RedirectsElsewhere,
    #[error("a code was to go to a redirect that the client has not registered")]
    RedirectNotRegistered,
    #[error("tokens were asked for a code by a client that has registered no redirect")]
    HasNoRedirects,
    #[error("tokens were asked for by a `grantType` that there is not")]
    UnknownGrant,
    #[error("a client came by `aws login` that is none of its two")]
    UnknownLogin,
    #[error("a code of `aws login` was to go where its clients do not listen")]
    LoginElsewhere,
}
