//! A throw-away certificate authority, and what it signs.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};

/// Signs certificates.
#[derive(Debug)]
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, both in PEM.
#[derive(Clone, Debug)]
pub struct Signed {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut itself = CertificateParams::new(Vec::new()).unwrap();
        // Not as those that it signs: OpenSSL takes whoever is called as its issuer for its own.
        itself.distinguished_name.push(DnType::CommonName, "An authority of the tests");
        itself.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        itself.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        Self { pem: itself.self_signed(&key).unwrap().pem(), issuer: Issuer::new(itself, key) }
    }

    /// Its own certificate (PEM).
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for a host's name or address, good for long.
    pub fn sign(&self, name: &str) -> Signed {
        self.sign_for(vec![name.to_owned()])
    }

    /// The same for several names and addresses.
    pub fn sign_for(&self, names: Vec<String>) -> Signed {
        self.sign_wanted(names, (2100, 1, 1))
    }

    /// A certificate that is good until the beginning of a day.
    pub fn sign_until(&self, name: &str, day: (i32, u8, u8)) -> Signed {
        self.sign_wanted(vec![name.to_owned()], day)
    }

    fn sign_wanted(&self, names: Vec<String>, (year, month, day): (i32, u8, u8)) -> Signed {
        let key = KeyPair::generate().unwrap();
        let mut wanted = CertificateParams::new(names).unwrap();
        // Python 3.13 and newer, which the AWS CLI brings, wants one.
        wanted.use_authority_key_identifier_extension = true;
        wanted.not_after = date_time_ymd(year, month, day);
        let certificate = wanted.signed_by(&key, &self.issuer).unwrap();
        Signed { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
