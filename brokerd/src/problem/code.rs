//! The kinds of problems: a word that clients rely on, the status, and what to do about it.

use axum::http::StatusCode;

/// What kind of problem it is. Clients rely on the word; it never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    InvalidRequest,
    InvalidPolicy,
    DurationOutOfRange,
    DestinationNotAllowed,
    ConsoleNotSupported,
    Unauthenticated,
    InvalidCredentials,
    OtpRequired,
    PasskeyRequired,
    AccountDisabled,
    PasswordExpired,
    Forbidden,
    SecondFactorRequired,
    MfaCodeRequired,
    MfaCodeRefused,
    NotFound,
    MethodNotAllowed,
    Conflict,
    ReadOnly,
    PreconditionFailed,
    TooLarge,
    HeadTooLarge,
    UnsupportedMediaType,
    WrongHost,
    TooManyAttempts,
    RateLimited,
    TooSlow,
    Internal,
    AwsRefused,
    AwsUnavailable,
    DirectoryUnavailable,
    IssuerUnavailable,
    AuditUnavailable,
    Overloaded,
}

impl Code {
    /// Every code, for the pages that explain them.
    pub(crate) const ALL: [Self; 34] = [
        Self::InvalidRequest,
        Self::InvalidPolicy,
        Self::DurationOutOfRange,
        Self::DestinationNotAllowed,
        Self::ConsoleNotSupported,
        Self::Unauthenticated,
        Self::InvalidCredentials,
        Self::OtpRequired,
        Self::PasskeyRequired,
        Self::AccountDisabled,
        Self::PasswordExpired,
        Self::Forbidden,
        Self::SecondFactorRequired,
        Self::MfaCodeRequired,
        Self::MfaCodeRefused,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::ReadOnly,
        Self::PreconditionFailed,
        Self::TooLarge,
        Self::HeadTooLarge,
        Self::UnsupportedMediaType,
        Self::WrongHost,
        Self::TooManyAttempts,
        Self::RateLimited,
        Self::TooSlow,
        Self::Internal,
        Self::AwsRefused,
        Self::AwsUnavailable,
        Self::DirectoryUnavailable,
        Self::IssuerUnavailable,
        Self::AuditUnavailable,
        Self::Overloaded,
    ];

    /// The HTTP status.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest
            | Self::InvalidPolicy
            | Self::DurationOutOfRange
            | Self::DestinationNotAllowed
            | Self::ConsoleNotSupported => StatusCode::BAD_REQUEST,
            Self::Unauthenticated | Self::InvalidCredentials | Self::OtpRequired | Self::PasskeyRequired => {
                StatusCode::UNAUTHORIZED
            }
            Self::AccountDisabled
            | Self::PasswordExpired
            | Self::Forbidden
            | Self::SecondFactorRequired
            | Self::MfaCodeRequired
            | Self::MfaCodeRefused => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict | Self::ReadOnly => StatusCode::CONFLICT,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::WrongHost => StatusCode::MISDIRECTED_REQUEST,
            Self::TooManyAttempts | Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::AwsRefused => StatusCode::BAD_GATEWAY,
            Self::AwsUnavailable
            | Self::DirectoryUnavailable
            | Self::IssuerUnavailable
            | Self::AuditUnavailable
            | Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The word in `code`, and the last part of the page that explains it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidPolicy => "invalid_policy",
            Self::DurationOutOfRange => "duration_out_of_range",
            Self::DestinationNotAllowed => "destination_not_allowed",
            Self::ConsoleNotSupported => "console_not_supported",
            Self::Unauthenticated => "unauthenticated",
            Self::InvalidCredentials => "invalid_credentials",
            Self::OtpRequired => "otp_required",
            Self::PasskeyRequired => "passkey_required",
            Self::AccountDisabled => "account_disabled",
            Self::PasswordExpired => "password_expired",
            Self::Forbidden => "forbidden",
            Self::SecondFactorRequired => "second_factor_required",
            Self::MfaCodeRequired => "mfa_code_required",
            Self::MfaCodeRefused => "mfa_code_refused",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Conflict => "conflict",
            Self::ReadOnly => "read_only",
            Self::PreconditionFailed => "precondition_failed",
            Self::TooLarge => "too_large",
            Self::HeadTooLarge => "head_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::WrongHost => "wrong_host",
            Self::TooManyAttempts => "too_many_attempts",
            Self::RateLimited => "rate_limited",
            Self::TooSlow => "too_slow",
            Self::Internal => "internal",
            Self::AwsRefused => "aws_refused",
            Self::AwsUnavailable => "aws_unavailable",
            Self::DirectoryUnavailable => "directory_unavailable",
            Self::IssuerUnavailable => "issuer_unavailable",
            Self::AuditUnavailable => "audit_unavailable",
            Self::Overloaded => "overloaded",
        }
    }

    /// What happened, in a few words.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request is not what this route takes",
            Self::InvalidPolicy => "The session policy cannot be used",
            Self::DurationOutOfRange => "The duration is outside the connector's limits",
            Self::DestinationNotAllowed => "The destination is not a page of AWS's console",
            Self::ConsoleNotSupported => "This connector cannot open the console",
            Self::Unauthenticated => "Sign in first",
            Self::InvalidCredentials => "Unknown user name, wrong password or wrong code",
            Self::OtpRequired => "A second factor is needed to sign in",
            Self::PasskeyRequired => "A passkey is needed to sign in, and a browser to show it",
            Self::AccountDisabled => "The account has been disabled or removed",
            Self::PasswordExpired => "The password has expired or must be changed",
            Self::Forbidden => "Not with these credentials",
            Self::SecondFactorRequired => "This needs a second factor",
            Self::MfaCodeRequired => "This needs a code of an MFA device of AWS's",
            Self::MfaCodeRefused => "AWS refused the code of the MFA device",
            Self::NotFound => "There is no such thing, or not for you",
            Self::MethodNotAllowed => "This route does not take that method",
            Self::Conflict => "It does not fit with what is there",
            Self::ReadOnly => "It is kept elsewhere, and changed there",
            Self::PreconditionFailed => "Somebody else was faster",
            Self::TooLarge => "The request is too large",
            Self::HeadTooLarge => "The request has too large a head",
            Self::UnsupportedMediaType => "The body is not JSON",
            Self::WrongHost => "This is not the host you asked for",
            Self::TooManyAttempts => "Too many attempts",
            Self::RateLimited => "You ask for too much at a time",
            Self::TooSlow => "The request took too long to arrive",
            Self::Internal => "Something broke, and it was not your request",
            Self::AwsRefused => "AWS said no",
            Self::AwsUnavailable => "AWS gave no usable answer in time",
            Self::DirectoryUnavailable => "The company's directory does not answer",
            Self::IssuerUnavailable => "The issuer of the job's token does not say its keys",
            Self::AuditUnavailable => "The audit trail cannot be written",
            Self::Overloaded => "The broker has too much to do",
        }
    }

    /// What to do about it.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::InvalidRequest => {
                "Read `detail` and `field`, compare with the table of routes in docs/developer.md, and send the request again."
            }
            Self::InvalidPolicy => {
                "A request's policy can only narrow what the connector gives. `line` and `column` show the place; where AWS refused the policy, `aws` has its own words. Where the connector has a session policy of its own, only Deny statements are taken."
            }
            Self::DurationOutOfRange => {
                "Ask for a duration between `minimum_seconds` and `maximum_seconds`, or for none to get the connector's default."
            }
            Self::DestinationNotAllowed => {
                "Give an https URL on the AWS console's own host, in the connector's partition, without user or port."
            }
            Self::ConsoleNotSupported => {
                "AWS's console takes no session tokens. Use a connector whose principal is a role or a federated user."
            }
            Self::Unauthenticated => {
                "Send `Authorization: Bearer TOKEN` with a token that is still good. Sign in again to get a new one; ask an administrator for a service token. A CI system's token must be for this broker (its audience), and its claims must fit a mapping."
            }
            Self::InvalidCredentials => {
                "Check them all. A code is good once, and for half a minute: wait for the next one. If all are right, the account may be locked or disabled where it is kept: ask whoever runs that directory; or there were too many wrong passwords of late: wait as long as the directory's lockout lasts, which is half an hour where nobody set another."
            }
            Self::OtpRequired => {
                "The password was right. Send the same request again with `otp`: the six digits that your authenticator shows now, or one of your recovery codes."
            }
            Self::PasskeyRequired => {
                "The password was right. Sign in by a browser, to which `broker login` leads without `--username`; or send the same request again with one of your recovery codes as `otp`. Who needs a code in programs enrols an authenticator on the page `/account`."
            }
            Self::AccountDisabled => {
                "The directory no longer vouches for the account behind this session. Ask whoever runs the directory."
            }
            Self::PasswordExpired => {
                "Change the password where it is kept (the company's directory), then sign in again."
            }
            Self::Forbidden => {
                "This route does not take the kind of token that was sent, a browser's proof that the request is its own was missing, the route is for administrators, or the broker or the connector has this switched off. Administrative changes want a sign-in less than 15 minutes old: sign in again. `detail` says which."
            }
            Self::SecondFactorRequired => {
                "If you have no second factor yet, enrol one on the broker's page `/account`. If you have one, show it: sign in again, or send its code to `POST /v1/session/second-factor`. Then ask again."
            }
            Self::MfaCodeRequired => {
                "Send the same request again with `mfa_code`: the six digits that the device shows now, which `mfa_serial` of the connector names. Each is good once. Programs that ask by themselves cannot have one typed: run `broker creds` or `broker exec` on a terminal, or open the console from the broker's start page."
            }
            Self::MfaCodeRefused => {
                "A code is good once, whoever uses it, and for half a minute: wait until the device shows the next one, and send that. `aws` has AWS's own words. A code that is always wrong: see that it is the device that `mfa_serial` names, and that its clock is right."
            }
            Self::NotFound => {
                "Check the name. A connector that none of your groups is granted answers the same: ask its administrator for the group."
            }
            Self::MethodNotAllowed => "Use a method that docs/developer.md has for this route.",
            Self::Conflict => {
                "A name is taken, or something is still in use: `detail` says which. Choose another name, or free what is in use first."
            }
            Self::ReadOnly => {
                "`detail` says where. In the connectors file: change it there, then run `brokerd apply` or send the daemon SIGHUP. In the configuration: change it there, then restart the daemon. In a directory: there."
            }
            Self::PreconditionFailed => "It is not any more what `If-Match` names. Read it again, and decide again.",
            Self::TooLarge => "Send a body of at most 64 KiB.",
            Self::HeadTooLarge => {
                "Send at most 100 headers, and at most 64 KiB of them together with the path: a shorter path, or fewer and smaller headers and cookies. A proxy on the way may have added some."
            }
            Self::UnsupportedMediaType => "Send `Content-Type: application/json`.",
            Self::WrongHost => "Use the address that the broker is known by (`public_url` in its configuration).",
            Self::TooManyAttempts => {
                "Wait as many seconds as `Retry-After` says, then try again. The delay grows with every failure."
            }
            Self::RateLimited => {
                "Wait as many seconds as `Retry-After` says, then try again. Keep what you were given for as long as it lives; the operator can raise `limits`."
            }
            Self::TooSlow => "Send the whole body at once, and send the request again.",
            Self::Internal => {
                "Try again. If it stays, give the operator the `request_id`: the daemon's log has the cause under it."
            }
            Self::AwsRefused => {
                "`aws` has AWS's own code and message; the console's federation endpoint has no codes, and its HTTP status stands for one (`HTTP 400`). Usually the connector's role, its trust policy or its access key must be mended: tell its administrator."
            }
            Self::AwsUnavailable => {
                "AWS throttled, failed, was silent until the deadline, or answered what cannot be used. Wait as long as `Retry-After` says, then try again."
            }
            Self::DirectoryUnavailable => {
                "Nobody is let in on guesses. Try again; if it stays, tell whoever runs the broker: its log, or `brokerd directory test`, says whether the directory is down or what of the broker's own it refuses."
            }
            Self::IssuerUnavailable => {
                "Nobody can say whether the token is good. Wait as long as `Retry-After` says, then try again; if it stays, the operator finds the cause in the daemon's log."
            }
            Self::AuditUnavailable => {
                "Nothing is vended that is not recorded. Try again; if it stays, the operator must look at the broker's store."
            }
            Self::Overloaded => "Wait as long as `Retry-After` says, then try again.",
        }
    }
}
