//! The part of the security page about API tokens: those there are, one just made, the form for another.

use maud::{Markup, html};

use crate::accounts::tokens::Scope;
use crate::web::layout::{When, time};
use crate::web::pages::fields::{Choice, Errors, Form};
use crate::web::pages::pieces::asks_first;

/// What is shown about tokens.
#[derive(Clone, Debug, Default)]
pub struct TokensView {
    /// Those that work, newest first.
    pub tokens: Vec<TokenView>,
    /// One just made; its text is shown this once.
    pub fresh: Option<FreshToken>,
    /// What a token of this person may be allowed; the others their role does not allow them either.
    pub offered: Vec<Scope>,
    /// The name typed before.
    pub name: String,
    /// The scopes ticked before.
    pub scopes: Vec<String>,
    /// The expiry chosen before, in days; blank for the default, `0` for never.
    pub expires_in_days: String,
    /// What is wrong: `name`, `scopes`, `expiresInDays`.
    pub errors: Errors,
    /// What is wrong with the whole.
    pub problem: Option<String>,
}

/// A token in the list.
#[derive(Clone, Debug, Default)]
pub struct TokenView {
    /// Its id.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created: When,
    /// When it ends by itself, if it does.
    pub expires: Option<When>,
    /// When it was last used, if ever.
    pub last_used: Option<When>,
}

/// A token just made.
#[derive(Clone, Debug)]
pub struct FreshToken {
    /// What its owner calls it.
    pub name: String,
    /// Its text.
    pub text: String,
}

const LABELS: &[(&str, &str)] =
    &[("name", "What it is for"), ("scopes", "What it may do"), ("expiresInDays", "Ends after")];

const EXPIRIES: &[(&str, &str)] =
    &[("30", "30 days"), ("90", "90 days"), ("365", "One year"), ("0", "Never, until revoked")];

/// The expiry that is chosen unless another is.
const USUAL_EXPIRY: &str = "90";

/// Draws a token just made, in a box to copy from.
#[must_use]
pub fn fresh(view: &TokensView) -> Markup {
    html! {
        @if let Some(token) = &view.fresh {
            section.panel.stack.fresh aria-labelledby="fresh-title" {
                h2 #fresh-title tabindex="-1" { "Your new token “" bdi { (token.name) } "”" }
                p { "Copy it now: it is not kept here and will not be shown again." }
                div.with-button {
                    input #fresh-token type="text" value=(token.text) readonly aria-labelledby="fresh-title" autocomplete="off" spellcheck="false" autofocus;
                    // The script reveals this button; without the script it would do nothing.
                    button.quiet type="button" hidden data-copies="fresh-token" aria-live="polite" { "Copy" }
                }
                p.small.soft { "Programs send it as " code { "Authorization: Bearer …" } }
            }
        }
    }
}

/// Draws the list of tokens and the form for another.
#[must_use]
pub fn section(view: &TokensView) -> Markup {
    html! {
        section.setting aria-labelledby="tokens-title" {
            div {
                h2 #tokens-title { "API tokens" }
                p.soft { "For programs that act as you. Each may do only what is ticked. " a href="/api/docs" { "What programs can do" } }
            }
            div.panel.stack {
                @if view.tokens.is_empty() { p.soft { "You have none." } } @else { (list(&view.tokens)) }
                details open[view.problem.is_some() || !view.errors.is_empty()] {
                    summary { "Make a new token" }
                    (form(view))
                }
            }
        }
    }
}

fn list(tokens: &[TokenView]) -> Markup {
    html! {
        ul.rows {
            @for token in tokens {
                li {
                    div.stack-tight {
                        p { b { bdi { (token.name) } } }
                        ul.tags aria-label="May" { @for scope in &token.scopes { li { (scope) } } }
                        p.soft.small {
                            "Made " (time(&token.created)) " · "
                            @if let Some(when) = &token.last_used { "last used " (time(when)) } @else { "never used" }
                            " · "
                            @if let Some(when) = &token.expires { "ends " (time(when)) } @else { "never ends" }
                        }
                    }
                    (asks_first(&format!("/profile/security/tokens/{}/revoke", token.id), "Revoke", &token.name,
                        "Programs that use this token stop working at once."))
                }
            }
        }
    }
}

fn form(view: &TokensView) -> Markup {
    let form = Form { id: "token", labels: LABELS, errors: &view.errors };
    let scopes =
        view.offered.iter().map(|&scope| Choice { value: scope.name(), label: scope.name(), hint: explained(scope) });
    let expiry = if view.expires_in_days.is_empty() { USUAL_EXPIRY } else { &view.expires_in_days };
    html! {
        form.stack action="/profile/security/tokens" method="post" {
            (form.summary(view.problem.as_deref()))
            (form.text("name", &view.name).hint("Like “Nightly import”; only you see it.").required().at_most(100))
            (form.checkboxes("scopes", &scopes.collect::<Vec<_>>(), &view.scopes))
            (form.select("expiresInDays", EXPIRIES, expiry))
            button.primary type="submit" { "Make the token" }
        }
    }
}

/// Returns what a scope allows, for people.
fn explained(scope: Scope) -> &'static str {
    match scope {
        Scope::MatchRead => "Ask for mentors and read their cards.",
        Scope::ProfilesRead => "Read profiles you may see.",
        Scope::ProfilesWrite => "Change profiles you may change.",
        Scope::MentorsWrite => "Add and change mentors.",
        Scope::AvailabilityRead => "Read open times.",
        Scope::AvailabilityWrite => "Offer and withdraw times.",
        Scope::SessionsRead => "Read your sessions.",
        Scope::SessionsWrite => "Book, move and cancel sessions.",
        Scope::StaffRead => "Read what staff read: people, letters, jobs, the audit log.",
        Scope::StaffWrite => "Change what staff change, roles and invitations among it.",
        Scope::MetricsRead => "Read the server’s metrics.",
        Scope::CronRun => "Start scheduled tasks.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_token_is_shown_to_copy_and_the_others_are_not() {
        let fresh_token = FreshToken { name: "<b>".into(), text: "tdm_abc".into() };
        let token = TokenView { id: "7".into(), name: "Night \"run\"".into(), ..TokenView::default() };
        let view = TokensView { fresh: Some(fresh_token), tokens: vec![token], ..TokensView::default() };
        let drawn = fresh(&view).into_string();
        assert!(drawn.contains("value=\"tdm_abc\" readonly") && drawn.contains("<bdi>&lt;b&gt;</bdi>"), "{drawn}");
        let drawn = section(&view).into_string();
        assert!(!drawn.contains("tdm_abc") && drawn.contains("Night &quot;run&quot;"));
        assert!(drawn.contains("action=\"/profile/security/tokens/7/revoke\""));
        assert!(fresh(&TokensView::default()).into_string().is_empty());
    }

    #[test]
    fn only_what_is_offered_can_be_ticked_and_each_is_explained() {
        let offered = vec![Scope::MatchRead, Scope::SessionsRead];
        let scopes = vec!["sessions:read".to_owned()];
        let drawn = section(&TokensView { offered, scopes, ..TokensView::default() }).into_string();
        assert_eq!(drawn.matches("type=\"checkbox\"").count(), 2, "{drawn}");
        assert!(
            drawn.contains("value=\"sessions:read\" checked")
                && drawn.contains("Ask for mentors and read their cards.")
        );
        assert!(drawn.contains("<option value=\"90\" selected>90 days</option>"));
    }

    #[test]
    fn a_refused_form_stays_open() {
        let errors = [("scopes".to_owned(), "must name at least one thing that the token may do".to_owned())].into();
        let drawn =
            section(&TokensView { errors, offered: vec![Scope::MatchRead], ..TokensView::default() }).into_string();
        assert!(drawn.contains("<details open><summary>Make a new token"), "{drawn}");
        assert!(drawn.contains("href=\"#token-scopes\"") && drawn.contains("id=\"token-scopes\""));
    }
}
