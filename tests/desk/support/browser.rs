//! A browser without script, which keeps cookies, follows redirects and submits forms.

use std::collections::BTreeMap;

use reqwest::{Method, RequestBuilder};
use serde::Serialize;

use super::{
    Answer, Desk,
    html::{self, Tag},
};

pub struct Browser<'a> {
    desk: &'a Desk,
    cookies: Cookies,
}

pub type Cookies = BTreeMap<String, String>;

/// A page, after following redirects.
pub struct Page {
    /// `/applications/app-ref`
    pub path: String,
    pub status: u16,
    pub html: String,
}

impl<'a> Browser<'a> {
    pub fn new(desk: &'a Desk) -> Self {
        Self { desk, cookies: Cookies::new() }
    }

    /// A browser with cookies from an earlier visit. The desk may have been restarted since.
    pub fn with_cookies(desk: &'a Desk, cookies: Cookies) -> Self {
        Self { desk, cookies }
    }

    pub fn cookies(&self) -> Cookies {
        self.cookies.clone()
    }

    pub async fn open(&mut self, path: &str) -> Page {
        let mut path = path.to_owned();
        loop {
            let answer = self.send(self.desk.request(Method::GET, &path)).await;
            match answer.header("location") {
                "" => return Page { path, status: answer.status, html: answer.body },
                next => path = next.to_owned(),
            }
        }
    }

    /// Submits the form with this `id`, with some of its fields replaced by `answers`, and returns the resulting page.
    pub async fn submit(&mut self, page: &Page, form: &str, answers: &[(&str, &str)]) -> Page {
        let next = self.send_only(page, form, answers).await;
        self.open(&next).await
    }

    /// Submits a form that the desk cannot process, and returns the error page.
    pub async fn submit_in_vain(&mut self, page: &Page, form: &str, answers: &[(&str, &str)]) -> Page {
        let (action, mut fields) = page.form(form);
        fields.extend(answers.iter().map(|(name, answer)| ((*name).to_owned(), (*answer).to_owned())));
        let request = self.desk.request(Method::POST, &action).form(&fields);
        let request = request.header("origin", &self.desk.url).header("sec-fetch-site", "same-origin");
        let answer = self.send(request).await;
        Page { path: action, status: answer.status, html: answer.body }
    }

    /// Submits a form without following its redirect. Returns the redirect's path.
    pub async fn send_only(&mut self, page: &Page, form: &str, answers: &[(&str, &str)]) -> String {
        let (action, mut fields) = page.form(form);
        for (name, answer) in answers {
            fields.insert((*name).to_owned(), (*answer).to_owned());
        }
        self.post(&action, &fields).await
    }

    /// Posts these fields, which must lead to a redirect. Returns its path.
    pub async fn post(&mut self, action: &str, fields: &(impl Serialize + ?Sized)) -> String {
        let request = self.desk.request(Method::POST, action).form(fields);
        let request = request.header("origin", &self.desk.url).header("sec-fetch-site", "same-origin");
        let answer = self.send(request).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        answer.header("location").to_owned()
    }

    async fn send(&mut self, request: RequestBuilder) -> Answer {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request.header("accept", "text/html").header("cookie", cookies.join("; "));
        let answer = self.desk.send(request).await;
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().expect("plain ASCII");
            let (name, value) = cookie.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }
}

impl Page {
    /// The visible text of the page.
    pub fn words(&self) -> String {
        html::words(&self.html)
    }

    /// The targets of all links.
    pub fn links(&self) -> Vec<String> {
        let links = html::tags(&self.html).into_iter().filter(|tag| tag.name == "a");
        links.map(|tag| tag.attribute("href").to_owned()).collect()
    }

    /// The target of the first link whose text starts with `text`.
    pub fn link(&self, text: &str) -> String {
        let tags = html::tags(&self.html);
        let link = tags.iter().find(|tag| tag.name == "a" && html::unescape(tag.text).starts_with(text));
        link.unwrap_or_else(|| panic!("no link {text:?}: {}", self.words())).attribute("href").to_owned()
    }

    /// The labels of images.
    pub fn labels(&self) -> Vec<String> {
        let pictures = html::tags(&self.html).into_iter().filter(|tag| tag.attribute("role") == "img");
        pictures.map(|tag| tag.attribute("aria-label").to_owned()).collect()
    }

    /// The value of a field of a form.
    pub fn field(&self, form: &str, name: &str) -> String {
        let (_, fields) = self.form(form);
        fields.get(name).unwrap_or_else(|| panic!("no field {name}: {fields:?}")).clone()
    }

    /// The action of a form, and the fields that it would send.
    fn form(&self, id: &str) -> (String, BTreeMap<String, String>) {
        let tags = html::tags(&self.html);
        let mut inside = tags.iter().skip_while(|tag| tag.name != "form" || tag.attribute("id") != id);
        let form = inside.next().unwrap_or_else(|| panic!("no form {id}: {}", self.words()));
        let fields = inside.take_while(|tag| tag.name != "/form").filter_map(value);
        (form.attribute("action").to_owned(), fields.collect())
    }
}

/// The name and value of a field that would be sent.
fn value(tag: &Tag<'_>) -> Option<(String, String)> {
    let value = match (tag.name, tag.attribute("type")) {
        ("input", "radio" | "checkbox") if !tag.attributes.contains_key("checked") => return None,
        ("input", _) => tag.attribute("value").to_owned(),
        // Browsers drop the first line break of a text area.
        ("textarea", _) => html::unescape(tag.text.strip_prefix('\n').unwrap_or(tag.text)),
        _ => return None,
    };
    Some((tag.attribute("name").to_owned(), value))
}
