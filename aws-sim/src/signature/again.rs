//! Requests that are signed here once more, as their client did, and compared: those to S3 whose payload is not signed (uploads and
//! downloads of the AWS CLI, and presigned URLs), and CodeArtifact's. The crate that proves all else hashes the body always, and puts
//! parameters into a wrong order where one's name begins with another's.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use http::StatusCode;
use http::request::Parts;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use url::form_urlencoded;

use super::Known;
use crate::refusal::Refusal;

/// What such a request says of its signature.
#[derive(Debug)]
pub(super) struct Again<'a> {
    service: &'static str,
    /// `KEY/DATE/REGION/SERVICE/aws4_request`
    credential: String,
    date: String,
    signed_headers: Vec<String>,
    signature: String,
    token: Option<String>,
    /// How long a presigned URL is good for.
    expires: Option<Duration>,
    payload: SignableBody<'a>,
}

impl<'a> Again<'a> {
    /// Nothing where a request is proved like everything else.
    pub(super) fn read(parts: &Parts, body: &'a [u8], service: &'static str) -> Option<Self> {
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let payload = match (service, header("x-amz-content-sha256").as_deref()) {
            ("codeartifact", _) => SignableBody::Bytes(body),
            ("s3", Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER")) => SignableBody::StreamingUnsignedPayloadTrailer,
            ("s3", Some("UNSIGNED-PAYLOAD") | None) => SignableBody::UnsignedPayload,
            _ => return None,
        };
        if let Some(authorization) = header("authorization") {
            if service == "s3" {
                header("x-amz-content-sha256")?;
            }
            let part = |name: &str| {
                let mut words = authorization.split([' ', ',']);
                words.find_map(|word| word.strip_prefix(name)).unwrap_or_default().to_owned()
            };
            return Some(Self {
                service,
                credential: part("Credential="),
                date: header("x-amz-date").unwrap_or_default(),
                signed_headers: part("SignedHeaders=").split(';').map(str::to_owned).collect(),
                signature: part("Signature="),
                token: header("x-amz-security-token"),
                expires: None,
                payload,
            });
        }
        let query = parts.uri.query().unwrap_or_default();
        let part = |wanted: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        Some(Self {
            service,
            signature: part("X-Amz-Signature")?,
            credential: part("X-Amz-Credential").unwrap_or_default(),
            date: part("X-Amz-Date").unwrap_or_default(),
            signed_headers: part("X-Amz-SignedHeaders").unwrap_or_default().split(';').map(str::to_owned).collect(),
            token: part("X-Amz-Security-Token"),
            expires: Some(Duration::from_secs(part("X-Amz-Expires").unwrap_or_default().parse().unwrap_or_default())),
            payload,
        })
    }

    /// Whether whoever has this key signed the request, for this region, and not too long ago.
    pub(super) fn prove(&self, parts: &Parts, known: &Known, region: &str, now: Timestamp) -> Result<(), Refusal> {
        let day = self.date.split('T').next().unwrap_or_default();
        if self.credential != format!("{}/{day}/{region}/{}/aws4_request", known.access_key_id, self.service) {
            return Err(refused(
                StatusCode::BAD_REQUEST,
                "AuthorizationHeaderMalformed",
                "The credential is malformed",
            ));
        }
        let date = DateTime::strptime("%Y%m%dT%H%M%SZ", &self.date).and_then(|date| date.to_zoned(TimeZone::UTC));
        let date = date.map_err(|_| does_not_match())?.timestamp();
        self.is_of_now(date, now)?;
        let is_signed = |name: &str| self.signed_headers.iter().any(|signed| signed == name);
        let amz = parts.headers.keys().map(http::HeaderName::as_str).filter(|name| name.starts_with("x-amz-"));
        if !is_signed("host") || amz.into_iter().any(|name| !is_signed(name)) {
            return Err(does_not_match());
        }
        if self.token != known.token {
            return Err(Refusal::bad_token());
        }
        if known.expired {
            return Err(Refusal::expired_token());
        }
        if self.signed_again(parts, known, region, date.into())? == self.signature {
            Ok(())
        } else {
            Err(does_not_match())
        }
    }

    fn is_of_now(&self, date: Timestamp, now: Timestamp) -> Result<(), Refusal> {
        let age = now.duration_since(date);
        let too_old = match self.expires {
            Some(expires) if expires > LONGEST => {
                let words = "X-Amz-Expires must be less than a week (in seconds)";
                return Err(refused(StatusCode::BAD_REQUEST, "AuthorizationQueryParametersError", words));
            }
            Some(expires) => age >= SignedDuration::try_from(expires).unwrap_or(SignedDuration::MAX),
            None => age > SKEW,
        };
        match self.expires {
            Some(_) if too_old => Err(refused(StatusCode::FORBIDDEN, "AccessDenied", "Request has expired")),
            _ if too_old || age < -SKEW => {
                let words = "The difference between the request time and the current time is too large.";
                Err(refused(StatusCode::FORBIDDEN, "RequestTimeTooSkewed", words))
            }
            _ => Ok(()),
        }
    }

    fn signed_again(&self, parts: &Parts, known: &Known, region: &str, date: SystemTime) -> Result<String, Refusal> {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        if self.expires.is_some() {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = self.expires;
        } else if self.service == "s3" {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let identity =
            Credentials::new(&known.access_key_id, &known.secret, known.token.clone(), None, "aws-sim").into();
        let params = v4::SigningParams::builder();
        let params = params.identity(&identity).region(region).name(self.service).time(date).settings(settings).build();
        let params = params.map_err(|_| does_not_match())?.into();
        let query = parts.uri.query().unwrap_or_default().split('&');
        let query: Vec<&str> = query.filter(|pair| self.expires.is_none() || !pair.starts_with("X-Amz-")).collect();
        let (path, query) = (parts.uri.path(), query.join("&"));
        let url = if query.is_empty() { format!("http://s3{path}") } else { format!("http://s3{path}?{query}") };
        let headers = parts.headers.iter().filter(|(name, _)| self.signed_headers.iter().any(|it| it == name.as_str()));
        let headers = headers.map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()));
        let request = SignableRequest::new(parts.method.as_str(), url, headers, self.payload.clone());
        let signed = sign(request.map_err(|_| does_not_match())?, &params).map_err(|_| does_not_match())?;
        Ok(signed.signature().to_owned())
    }
}

fn refused(status: StatusCode, code: &'static str, message: &str) -> Refusal {
    Refusal::new(status, code, message)
}

fn does_not_match() -> Refusal {
    let words = "The request signature we calculated does not match the signature you provided.";
    refused(StatusCode::FORBIDDEN, "SignatureDoesNotMatch", words)
}

const SKEW: SignedDuration = SignedDuration::from_mins(15);
const LONGEST: Duration = Duration::from_hours(7 * 24);
