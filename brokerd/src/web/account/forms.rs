//! What the forms of *My account* send.

use broker_core::second_factor::Answer;
use secrecy::SecretString;

use crate::problem::{Code, Problem};
use crate::web::form::Fields;
use crate::web::next::Next;

/// A form, and where somebody was on their way when they came here.
pub(super) struct Sent {
    pub(super) wanted: Wanted,
    pub(super) onward: Option<Next>,
}

/// What a form asks for.
pub(super) enum Wanted {
    Begin,
    Add { enrolment: SecretString, otp: SecretString, label: String },
    BeginPasskey,
    AddPasskey { answer: Answer, label: String },
    Remove { id: String },
    Codes,
    Prove { otp: SecretString },
    ProveByPasskey { answer: Answer },
}

impl Sent {
    pub(super) fn read(mut fields: Fields) -> Result<Self, Problem> {
        let sent = Self { onward: Next::onward(&mut fields), wanted: Wanted::read(&mut fields)? };
        fields.nothing_left()?;
        Ok(sent)
    }
}

impl Wanted {
    fn read(fields: &mut Fields) -> Result<Self, Problem> {
        let secret = |fields: &mut Fields, name| fields.take(name).map(|text| SecretString::from(text.as_str()));
        let answer = |fields: &mut Fields| -> Result<Answer, Problem> {
            let (question, credential) = (fields.take("question")?, fields.take("credential")?);
            Ok(Answer { question: question.to_string(), credential: credential.to_string() })
        };
        Ok(match fields.take("what")?.as_str() {
            "begin" => Self::Begin,
            "add" => Self::Add {
                enrolment: secret(fields, "enrolment")?,
                otp: secret(fields, "otp")?,
                label: fields.take("label")?.to_string(),
            },
            "begin-passkey" => Self::BeginPasskey,
            "add-passkey" => Self::AddPasskey { answer: answer(fields)?, label: fields.take("label")?.to_string() },
            "remove" => Self::Remove { id: fields.take("id")?.to_string() },
            "codes" => Self::Codes,
            "prove" => Self::Prove { otp: secret(fields, "otp")? },
            "prove-by-passkey" => Self::ProveByPasskey { answer: answer(fields)? },
            _ => return Err(Problem::new(Code::InvalidRequest, "this page has no such form")),
        })
    }

    pub(super) fn label(&self) -> String {
        match self {
            Self::Add { label, .. } => label.clone(),
            _ => String::new(),
        }
    }

    pub(super) fn enrolment(&self) -> Option<SecretString> {
        match self {
            Self::Add { enrolment, .. } => Some(enrolment.clone()),
            _ => None,
        }
    }
}
