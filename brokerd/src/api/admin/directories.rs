//! `/v1/admin/directories/{name}/test`: what a directory has of somebody, and whether a password would let them in.

use axum::extract::{Extension, FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::response::Response;
use broker_api::admin::{
    DirectoryTest, DirectoryTestRequest, Found as ShownFound, Grant as ShownGrant, PasswordOutcome, PasswordTest,
};
use broker_core::directory::Found;
use broker_core::entitlement::Grant;
use broker_core::name::DirectoryName;
use broker_core::permission::Administrator;
use broker_core::sign_in::{self, Question, Tested};

use crate::api::query::{NoParams, Params};
use crate::api::{secret, session};
use crate::app::App;
use crate::body::SecretBody;
use crate::caller::Permitted;
use crate::problem::{Code, Problem};
use crate::request::Meta;

/// The directory that a path names. What cannot be a name is not there.
#[derive(Debug)]
pub(crate) struct Named(DirectoryName);

/// `POST /v1/admin/directories/{name}/test`
#[utoipa::path(
    post,
    path = "/v1/admin/directories/{name}/test",
    tag = "Administration",
    operation_id = "test_directory",
    summary = "Ask a directory about somebody",
    description = "Role administrator; a sign-in less than 15 minutes old. A password is counted as at a sign-in.",
    params(
        ("name" = String, Path, description = "Of the directory"),
    ),
    request_body(content = DirectoryTestRequest),
    responses(
        (status = 200, description = "What the directory returned, and what that is good for", body = DirectoryTest),
    ),
)]
pub(crate) async fn test(
    State(app): State<App>,
    Permitted { permission, asker, .. }: Permitted<Administrator>,
    Named(directory): Named,
    Params(NoParams {}): Params<NoParams>,
    Extension(meta): Extension<Meta>,
    SecretBody(DirectoryTestRequest { username, password }): SecretBody<DirectoryTestRequest>,
) -> Result<Response, Problem> {
    let question = Question { directory: &directory, username: &username, password, address: meta.address };
    let tested = app.sign_in.test_directory(question, &asker.caller, &permission).await?.into_value();
    // Nothing in it is secret, but it is somebody's.
    Ok(secret(axum::Json(shown(&app, tested))))
}

impl FromRequestParts<App> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(name) = Path::<String>::from_request_parts(parts, app).await.map_err(|_| no_such_directory())?;
        name.try_into().map(Self).map_err(|_| no_such_directory())
    }
}

fn shown(app: &App, tested: Tested) -> DirectoryTest {
    let Tested { found, password, role } = tested;
    let password = password.map(|password| match password {
        sign_in::PasswordTest::Accepted => PasswordTest { outcome: PasswordOutcome::Accepted, reason: None },
        sign_in::PasswordTest::Expired => PasswordTest { outcome: PasswordOutcome::Expired, reason: None },
        sign_in::PasswordTest::Refused(why) => PasswordTest { outcome: PasswordOutcome::Refused, reason: Some(why) },
    });
    let nothing = DirectoryTest {
        found: ShownFound::None,
        attributes: std::collections::BTreeMap::new(),
        id: None,
        username: None,
        display_name: None,
        email: None,
        groups: Vec::new(),
        role: None,
        grants: Vec::new(),
        refusal: None,
        password,
    };
    let description = match found {
        Found::Nobody => return nothing,
        Found::Several => return DirectoryTest { found: ShownFound::Several, ..nothing },
        Found::One(description) => *description,
    };
    let refusal = description.refusal.map(|refusal| refusal.to_string());
    let unusable = DirectoryTest { found: ShownFound::One, attributes: description.attributes, refusal, ..nothing };
    let Some(person) = description.person else { return unusable };
    let grants = app.broker.grants_of(&person, role).into_iter().map(|(connector, grant)| ShownGrant {
        connector: connector.to_string(),
        groups: match grant {
            Grant::Groups(groups) => groups.iter().map(ToString::to_string).collect(),
            Grant::Administrator | Grant::ServiceToken | Grant::Workload | Grant::Trial => Vec::new(),
        },
    });
    DirectoryTest {
        grants: grants.collect(),
        id: Some(person.subject.id),
        username: Some(person.username),
        display_name: person.display_name,
        email: person.email,
        groups: person.groups.iter().map(ToString::to_string).collect(),
        role: role.map(session::shown_role),
        ..unusable
    }
}

fn no_such_directory() -> Problem {
    Problem::new(Code::NotFound, "no such directory")
}
