//! A browser's half of the conversation, without a browser: cookies kept, forms read off the page, headers as browsers send them.

use std::collections::BTreeMap;

use reqwest::{Method, RequestBuilder, Response, header};
use tests::house::{House, password_of};

/// One tab of one browser.
pub(crate) struct Tab<'a> {
    house: &'a House,
    pub(crate) cookies: BTreeMap<String, String>,
}

/// What came back.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: header::HeaderMap,
    pub(crate) body: String,
}

impl<'a> Tab<'a> {
    pub(crate) fn new(house: &'a House) -> Self {
        Self { house, cookies: BTreeMap::new() }
    }

    /// Signed in already.
    pub(crate) async fn of(house: &'a House, username: &str) -> Self {
        let mut tab = Self::new(house);
        tab.sign_in_well(username).await;
        tab
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.house.request(method, path).header(header::COOKIE, cookies.join("; "))
    }

    /// As if the address had been typed.
    pub(crate) async fn go(&mut self, path: &str) -> Page {
        let request = self.request(Method::GET, path).header("sec-fetch-site", "none");
        self.send(request).await
    }

    /// As if one of our own pages had sent the form.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let request = self.form(path, fields);
        self.send(request).await
    }

    pub(crate) fn form(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let request = self.request(Method::POST, path).form(fields);
        request.header(header::ORIGIN, self.house.origin()).header("sec-fetch-site", "same-origin")
    }

    /// Opens the sign-in page and fills it in.
    pub(crate) async fn sign_in(&mut self, username: &str, password: &str, next: &str) -> Page {
        let csrf = self.go("/sign-in").await.field("csrf");
        self.post("/sign-in", &[("csrf", &csrf), ("next", next), ("username", username), ("password", password)]).await
    }

    /// Opens a sign-in page that leads on, and sends its form with all its fields.
    pub(crate) async fn sign_in_at(&mut self, path: &str, username: &str) -> Page {
        let page = self.go(path).await;
        let password = password_of(username);
        let mut fields = vec![("username", username.to_owned()), ("password", password)];
        let hidden =
            ["csrf", "next", "asked"].into_iter().filter(|name| page.body.contains(&format!("name=\"{name}\"")));
        fields.extend(hidden.map(|name| (name, page.field(name))));
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.post("/sign-in", &fields).await
    }

    pub(crate) async fn sign_in_well(&mut self, username: &str) {
        assert_eq!(self.sign_in(username, &password_of(username), "/").await.status, 303);
    }

    pub(crate) async fn send(&mut self, request: RequestBuilder) -> Page {
        let page = Page::read(request.send().await.unwrap()).await;
        for cookie in page.cookies() {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        page
    }
}

impl Page {
    pub(crate) async fn read(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, body: response.text().await.unwrap() }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn cookies(&self) -> Vec<&str> {
        self.headers.get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect()
    }

    /// The value of a form's hidden field.
    pub(crate) fn field(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let rest = self.body.split_once(&start).unwrap_or_else(|| panic!("no field {name} in {}", self.body)).1;
        rest.split('"').next().unwrap().to_owned()
    }

    /// Status and where it leads.
    pub(crate) fn leads(&self) -> (u16, &str) {
        (self.status, self.header("location"))
    }
}
