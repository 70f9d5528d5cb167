//! `/sign-in`: the form, and what comes of it.

use askama::Template;
use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use broker_core::partition::Partition;
use broker_core::sign_in::{Credentials, HalfWay, SessionKind, SignInError};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;

use super::form::{Fields, OwnForm};
use super::next::{ANEW, ASKED, Next};
use super::page::{FormsLead, instead_of, page, see_other};
use super::pre_session;
use super::second_factor;
use super::single_sign_on::{self, Offer};
use super::visitor::Visitor;
use crate::app::App;
use crate::cookie;
use crate::problem::{Code, Problem};
use crate::request::Meta;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    trouble: Option<String>,
    csrf: &'a str,
    next: &'a Next,
    /// The proof that the person asked for it, if they did.
    asked: &'a str,
    /// Typed names are sensitive: it goes back into its field and nowhere else.
    username: &'a str,
    /// Where a link leads that lets somebody in by a directory's own session.
    single_sign_on_page: Option<String>,
}

/// What somebody typed.
struct Typed {
    username: String,
    password: SecretString,
    way: Way,
    csrf: String,
}

/// Where the sign-in page leads on to.
#[derive(Default)]
pub(super) struct Way {
    pub(super) next: Next,
    /// What may prove that the person asked for it.
    pub(super) asked: String,
}

/// Why nobody is in yet.
enum Not {
    Refused(Refused),
    /// The password was right, and is not enough.
    HalfWay(HalfWay),
}

/// Nobody was let in.
struct Refused {
    /// What the form says when it comes again; nothing, where trying again would not help.
    trouble: Option<String>,
    problem: Problem,
}

/// `GET /sign-in?next=`
#[utoipa::path(
    get,
    path = "/sign-in",
    tag = "Pages",
    operation_id = "sign_in_page",
    summary = "The sign-in page",
    description = "",
    params(
        ("next" = Option<String>, Query, description = "Where to go on afterwards, on this host"),
        ("single_sign_on" = Option<String>, Query, description = "`yes`: by the directory's own session in this browser, also after signing out here"),
        ("anew" = Option<String>, Query, description = "`yes`: the form, for somebody who is signed in and must have signed in just now"),
        ("asked" = Option<String>, Query, description = "The proof that the person had asked for that page, in this very browser"),
    ),
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 303, description = "Signed in already"),
    ),
)]
pub(crate) async fn show(
    State(app): State<App>,
    Extension(meta): Extension<Meta>,
    visitor: Result<Option<Visitor>, Problem>,
    method: Method,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let mut fields = Fields::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default();
    let (wanted, anew) = (fields.take_given(SINGLE_SIGN_ON).is_some(), fields.take_given(ANEW).is_some());
    let way = Way::take(&mut fields);
    match visitor {
        // Codes of other machines are compared by somebody who has just signed in; they may have to do so once more.
        Ok(Some(visitor))
            if !anew
                && (!matches!(way.next, Next::Device { .. })
                    || app.clients.may_allow_devices(&visitor.person).is_ok()) =>
        {
            Ok(see_other(&way.next.after_sign_in()))
        }
        // Nobody is here yet, unless their company's own sign-on says so.
        Ok(None) if Offer::of(&app, &method, &headers, wanted) == Offer::Now => {
            match single_sign_on::let_in(&app, &meta, &headers).await {
                Ok(Some(token)) => welcome(&app, &meta, &headers, &token, &way.leads(&app, &headers)).await,
                Ok(None) => ask(&app, &headers, &way, "", wanted.then(|| NOT_THERE.to_owned())),
                Err(error) => ask(&app, &headers, &way, "", wanted.then(|| sentence(&error)).flatten()),
            }
        }
        // Told here once, as any other page would: their session has just ended for that.
        Err(problem) if problem.code() == Code::AccountDisabled => {
            let form = ask(&app, &headers, &way, "", Some(problem.detail().to_owned()))?;
            Ok(instead_of(problem, form, meta.origin.request_id))
        }
        // A directory that is down must not keep people of another one from signing in.
        Ok(_) | Err(_) => ask(&app, &headers, &way, "", None),
    }
}

/// `POST /sign-in`
#[utoipa::path(
    post,
    path = "/sign-in",
    tag = "Pages",
    operation_id = "submit_sign_in",
    summary = "What the sign-in page sends",
    description = "A form of the page's own, with its token.",
    responses(
        (status = 303, description = "Signed in"),
    ),
)]
pub(crate) async fn submit(
    State(app): State<App>,
    Extension(meta): Extension<Meta>,
    headers: HeaderMap,
    OwnForm(fields): OwnForm,
) -> Result<Response, Problem> {
    let typed = Typed::read(fields)?;
    match let_in(&app, &meta, &headers, &typed).await {
        Ok(token) => {
            let leads = typed.way.leads(&app, &headers);
            welcome(&app, &meta, &headers, &token, &leads).await
        }
        Err(Not::Refused(Refused { trouble: None, problem })) => Err(problem),
        Err(Not::Refused(Refused { trouble, problem })) => {
            let form = ask(&app, &headers, &typed.way, &typed.username, trouble)?;
            Ok(instead_of(problem, form, meta.origin.request_id))
        }
        Err(Not::HalfWay(who)) => {
            let half_way = pre_session::value_of(&headers, &app.settings.public_url)
                .and_then(|browser| app.sign_in.carry(who.clone(), browser.as_bytes()))
                .ok_or_else(|| Problem::new(Code::Forbidden, STALE))?;
            second_factor::ask(&app, &headers, &typed.way, (&who, &half_way), None).await
        }
    }
}

/// The token of a new session, for whoever proves to be who they say, by a form of ours.
async fn let_in(app: &App, meta: &Meta, headers: &HeaderMap, typed: &Typed) -> Result<SecretString, Not> {
    if !pre_session::proves(app, headers, &typed.csrf) {
        let problem = Problem::new(Code::Forbidden, STALE);
        return Err(Not::Refused(Refused { trouble: Some(STALE.to_owned()), problem }));
    }
    let credentials = Credentials {
        username: &typed.username,
        password: typed.password.clone(),
        directory: None,
        address: meta.address,
        origin: &meta.origin,
    };
    match app.sign_in.sign_in(credentials, SessionKind::Browser).await {
        Ok(signed_in) => Ok(signed_in.token),
        Err(SignInError::OtpRequired(who) | SignInError::PasskeyRequired(who)) => Err(Not::HalfWay(who)),
        Err(error) => Err(Not::Refused(Refused { trouble: sentence(&error), problem: error.into() })),
    }
}

impl Typed {
    fn read(mut fields: Fields) -> Result<Self, Problem> {
        let typed = Self {
            username: fields.take("username")?.to_string(),
            password: SecretString::from(fields.take("password")?.as_str()),
            way: Way::take(&mut fields),
            csrf: fields.take_given("csrf").unwrap_or_default(),
        };
        fields.nothing_left()?;
        Ok(typed)
    }
}

impl Way {
    pub(super) fn take(fields: &mut Fields) -> Self {
        Self {
            next: Next::parse(&fields.take_given("next").unwrap_or_default()),
            asked: fields.take_given(ASKED).unwrap_or_default(),
        }
    }

    /// The sign-in page that lets somebody in by a directory's own session, and leads on as this one.
    fn single_sign_on_page(&self) -> String {
        let page = if self.asked.is_empty() {
            self.next.sign_in_page()
        } else {
            let proof = utf8_percent_encode(&self.asked, NON_ALPHANUMERIC).to_string();
            self.next.sign_in_page_once_asked(&proof)
        };
        format!("{page}&{SINGLE_SIGN_ON}=yes")
    }

    /// Past the page that asks only where the person is known to have asked for this very page, in this very browser.
    pub(super) fn leads(&self, app: &App, headers: &HeaderMap) -> String {
        if pre_session::has_asked_for(app, headers, &self.next, &self.asked) {
            self.next.to_string()
        } else {
            self.next.after_sign_in()
        }
    }
}

pub(super) fn ask(
    app: &App,
    headers: &HeaderMap,
    way: &Way,
    username: &str,
    trouble: Option<String>,
) -> Result<Response, Problem> {
    let pre_session = pre_session::begin(app, headers)?;
    let single_sign_on_page = app.sign_in.takes_single_sign_on().then(|| way.single_sign_on_page());
    let template = SignInPage {
        trouble,
        csrf: &pre_session.token,
        next: &way.next,
        asked: &way.asked,
        username,
        single_sign_on_page,
    };
    let mut response = page(&template, &forms_lead(app, &way.next))?;
    cookie::attach(response.headers_mut(), pre_session.cookie);
    Ok(response)
}

/// A new session for this browser, in the place of whichever it had.
pub(super) async fn welcome(
    app: &App,
    meta: &Meta,
    headers: &HeaderMap,
    token: &SecretString,
    leads: &str,
) -> Result<Response, Problem> {
    if let Some(shown) = cookie::session_of(headers, &app.settings.public_url)
        && let Some(before) = app.sign_in.leaving(&shown).await?
    {
        app.sign_in.sign_out(&before, &meta.origin).await?;
    }
    let public = &app.settings.public_url;
    let mut response = see_other(leads);
    let cookies = [cookie::begin_session(token, public), pre_session::end(public), cookie::back(headers, public)];
    cookie::attach(response.headers_mut(), cookies.into_iter().flatten());
    Ok(response)
}

/// Signing in may lead all the way to AWS. To which partition, nobody learns before they are signed in.
pub(super) fn forms_lead(app: &App, next: &Next) -> FormsLead {
    match next {
        Next::Home | Next::Account | Next::Authorize(_) | Next::Device { .. } => FormsLead::home(),
        Next::Console { .. } => FormsLead::to_console(
            &[Partition::Aws, Partition::AwsUsGov, Partition::AwsCn],
            app.settings.federation_origin.as_deref(),
        ),
    }
}

pub(super) fn sentence(error: &SignInError) -> Option<String> {
    Some(match error {
        SignInError::InvalidCredentials => "Unknown user name or wrong password.".to_owned(),
        SignInError::PasswordExpired => {
            "Your password has expired or must be changed. Change it where it is kept (the company's directory), then sign in again.".to_owned()
        }
        SignInError::TooManyAttempts { retry_after_seconds } => {
            format!("Too many attempts. Wait {}, then try again.", in_words(*retry_after_seconds))
        }
        SignInError::Directory(_) => {
            "The company's directory does not answer, so nobody can be let in. Try again in a moment.".to_owned()
        }
        SignInError::TookTooLong => "That took too long. Show your passkey once more.".to_owned(),
        SignInError::OtpRequired(_)
        | SignInError::PasskeyRequired(_)
        | SignInError::NothingEnrolled
        | SignInError::Store(_)
        | SignInError::Seal(_)
        | SignInError::Trail(_) => return None,
    })
}

fn in_words(seconds: u64) -> String {
    match seconds {
        0..=1 => "a second".to_owned(),
        2..120 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    }
}

/// In the sign-in page's query: by a directory's own session, also after signing out here.
const SINGLE_SIGN_ON: &str = "single_sign_on";
const NOT_THERE: &str = "Your company's single sign-on does not let you in here. Sign in there first; or here with your password, as whoever has a second factor must.";
pub(super) const STALE: &str = "This form was no longer good. Please sign in again.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_in_words_and_never_too_short() {
        for (seconds, words) in
            [(1, "a second"), (2, "2 seconds"), (119, "119 seconds"), (120, "2 minutes"), (121, "3 minutes")]
        {
            assert_eq!(in_words(seconds), words);
        }
    }
}
