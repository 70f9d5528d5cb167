//! The page *My account* as it is shown: what is enrolled, what may be changed, and what was just made.

use askama::Template;
use axum::response::Response;
use broker_core::second_factor::{Asked, Enrolled, FactorKind, SecondFactor};
use broker_core::sign_in::{ByPasskey, Made};
use secrecy::{ExposeSecret, SecretString};

use super::picture::Picture;
use crate::app::App;
use crate::caller::csrf_token;
use crate::problem::Problem;
use crate::web::next::{ClientAsks, Door, Next};
use crate::web::page::{FormsLead, page, page_with_script};
use crate::web::visitor::Visitor;

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage<'a> {
    identity: String,
    csrf: String,
    trouble: Option<String>,
    /// Where somebody was on their way, who was not let in there without a second factor.
    onward: Option<Onward>,
    factors: Vec<Listed>,
    damaged: usize,
    codes_left: u32,
    required: bool,
    /// Where nothing may be changed before the second factor is shown once more.
    proves_first: bool,
    /// Where somebody signs in once more, who may set nothing up before.
    signs_in_first: Option<String>,
    /// What may be typed then.
    typed: &'static str,
    passkey: Option<Asked>,
    enrolment: Option<Begun<'a>>,
    /// A passkey that is to be made.
    new_passkey: Option<Asked>,
    /// Shown now and never again.
    recovery_codes: Vec<SecretString>,
    offers: Offers,
}

/// What there is beside authenticators.
struct Offers {
    /// Whether people can have passkeys here.
    passkeys: bool,
    /// Whether they change their password here.
    password: bool,
}

/// A page that somebody goes on to.
struct Onward {
    what: Wanting,
    /// As forms carry it.
    path: String,
    /// Reached through this page, so that it asks once.
    link: String,
}

/// What somebody was about to use, that wants a second factor.
enum Wanting {
    /// The console of this connector.
    Console(String),
    /// A connector that they picked for `aws login`.
    Login,
    /// A connector of those that a program gets.
    Program,
}

/// Something enrolled, in words.
struct Listed {
    id: String,
    label: String,
    kind: &'static str,
    created: String,
    used: String,
}

/// An enrolment that has begun.
struct Begun<'a> {
    made: &'a Made,
    qr: Picture,
    label: String,
}

/// What the page shows beside the list.
#[derive(Default)]
pub(super) struct Beside {
    pub(super) trouble: Option<Problem>,
    pub(super) made: Option<Made>,
    pub(super) new_passkey: Option<Asked>,
    pub(super) label: String,
    pub(super) recovery_codes: Vec<SecretString>,
    pub(super) onward: Option<Next>,
}

pub(super) async fn shown(app: &App, visitor: &Visitor, beside: Beside) -> Result<Response, Problem> {
    let enrolled = app.sign_in.second_factors_of(&visitor.person).await?;
    let Beside { trouble, made, new_passkey, label, recovery_codes, onward } = beside;
    let enrolment = match &made {
        Some(made) => Some(Begun { qr: Picture::of(&made.uri)?, made, label }),
        None => None,
    };
    let is_fresh = visitor.person.assurance.proved.is_some_and(|proved| proved.is_fresh(app.clock.now()));
    let proves_first = enrolled.is_enrolled() && !is_fresh;
    let signs_in_first = !enrolled.is_enrolled() && !app.sign_in.signed_in_lately(&visitor.person);
    let signs_in_first = signs_in_first.then(|| onward.as_ref().unwrap_or(&Next::Account).sign_in_page_anew());
    let passkey = if proves_first { app.sign_in.ways_of(&visitor.person).await?.passkey } else { ByPasskey::None };
    let passkey = passkey.asked();
    let has_script = passkey.is_some() || new_passkey.is_some();
    let template = AccountPage {
        identity: visitor.identity(),
        csrf: csrf_token(app, &visitor.person),
        trouble: trouble.map(|problem| problem.detail().to_owned()),
        onward: onward.as_ref().and_then(Onward::of),
        proves_first,
        signs_in_first,
        typed: if enrolled.has(FactorKind::Totp) { "Code, or a recovery code" } else { "Recovery code" },
        passkey,
        damaged: enrolled.damaged,
        codes_left: enrolled.recovery_codes,
        required: visitor.person.assurance.required,
        factors: listed(enrolled),
        enrolment,
        new_passkey,
        recovery_codes,
        offers: Offers {
            passkeys: app.sign_in.takes_passkeys(),
            password: app.users.keeps_password_of(&visitor.person).await?,
        },
    };
    let forms = FormsLead::home();
    if has_script { page_with_script(&template, &forms) } else { page(&template, &forms) }
}

impl Onward {
    fn of(next: &Next) -> Option<Self> {
        let what = match next {
            Next::Home | Next::Account => return None,
            Next::Console { name, .. } => Wanting::Console(name.to_string()),
            Next::Authorize(ClientAsks { door: Door::Login, .. }) => Wanting::Login,
            Next::Authorize(ClientAsks { door: Door::Sso, .. }) | Next::Device { .. } => Wanting::Program,
        };
        Some(Self { what, path: next.to_string(), link: next.after_sign_in() })
    }
}

fn listed(enrolled: Enrolled) -> Vec<Listed> {
    let day = |at: jiff::Timestamp| at.strftime("%Y-%m-%d").to_string();
    let of = |factor: SecondFactor| Listed {
        id: factor.id.to_string(),
        label: factor.label.as_str().to_owned(),
        kind: match factor.kind {
            FactorKind::Totp => "Authenticator",
            FactorKind::Passkey => "Passkey",
        },
        created: day(factor.created_at),
        used: factor.last_used_at.map_or_else(|| "not since".to_owned(), day),
    };
    enrolled.factors.into_iter().map(of).collect()
}
