//! Every route there is, one row each: who may call it, whose object it names, what a token needs,
//! how often, how much it takes. A handler that is not in this table cannot be reached.

use axum::http::Method;
use axum::routing::{get, post};
use utoipa_axum::routes;

use super::api::{
    auth, availability, books, calendar, hooks, hours, logins, matches, mentors, notifications, oidc, operations,
    outbox, people, photos, profiles, recovery, sessions, tags, webhooks,
};
use super::limits::Rate;
use super::pages::{
    arriving, booking, directory, editing, importing, meetings, offering, own, safety, staff, syncing, tagging, telling,
};
use super::route::{Route, Who, Whose};
use super::{assets, pages};
use crate::accounts::tokens::Scope;

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// The largest body of slots to open: 500 of them, each with a place.
const SLOTS_LIMIT: usize = 512 * 1024;

/// The whole table.
pub fn table() -> Vec<Route> {
    [
        matching(),
        signing_in(),
        providers(),
        own_account(),
        profiles_of_people(),
        office_hours(),
        sessions_of_people(),
        programs(),
        staff_interface(),
        other_programs(),
        operations(),
        pages_of_everybody(),
        pages_of_accounts(),
        pages_of_ones_own(),
        pages_of_office_hours(),
        pages_of_staff(),
        pages_of_other_programs(),
        pages_on_mentors(),
    ]
    .concat()
}

fn matching() -> Vec<Route> {
    vec![
        Route::api(POST, "/api/match", Who::SignedIn, || routes!(matches::create))
            .scope(Scope::MatchRead)
            .rate(Rate::Read),
        Route::api(GET, "/api/mentors", Who::SignedIn, || routes!(mentors::list)).scope(Scope::MatchRead),
        Route::api(GET, "/api/mentors/{mentorId}", Who::SignedIn, || routes!(mentors::show)).scope(Scope::MatchRead),
    ]
}

fn signing_in() -> Vec<Route> {
    vec![
        Route::api(POST, "/api/auth/signup", Who::Anyone, || routes!(auth::sign_up)).rate(Rate::Credentials),
        Route::api(POST, "/api/auth/signin", Who::Anyone, || routes!(auth::sign_in)).rate(Rate::Credentials),
        Route::api(POST, "/api/auth/signout", Who::Anyone, || routes!(auth::sign_out)),
        Route::api(GET, "/api/auth/session", Who::Anyone, || routes!(auth::session)),
        Route::api(POST, "/api/auth/magic-link", Who::Anyone, || routes!(recovery::magic_link)).rate(Rate::Letter),
        Route::api(POST, "/api/auth/magic-link/redeem", Who::Anyone, || routes!(recovery::redeem))
            .whose(Whose::Holder)
            .rate(Rate::Credentials),
        Route::api(POST, "/api/auth/password/forgot", Who::Anyone, || routes!(recovery::forgot)).rate(Rate::Letter),
        Route::api(POST, "/api/auth/password/reset", Who::Anyone, || routes!(recovery::reset))
            .whose(Whose::Holder)
            .rate(Rate::Credentials),
        Route::api(POST, "/api/auth/verify-email", Who::Anyone, || routes!(recovery::verify_email))
            .whose(Whose::Holder)
            .rate(Rate::Credentials),
    ]
}

fn providers() -> Vec<Route> {
    vec![
        Route::api(GET, "/api/auth/providers", Who::Anyone, || routes!(oidc::providers)),
        Route::api(GET, "/api/auth/links", Who::SignedIn, || routes!(oidc::links)),
        Route::api(DELETE, "/api/auth/links/{id}", Who::SignedIn, || routes!(oidc::unlink)).whose(Whose::Own).guarded(),
        Route::page(GET, "/auth/oidc/{provider}", Who::Anyone, || get(oidc::begin)).rate(Rate::Credentials),
        Route::page(GET, "/auth/oidc/{provider}/callback", Who::Anyone, || get(oidc::callback))
            .whose(Whose::Holder)
            .rate(Rate::Credentials),
        Route::page(POST, "/auth/oidc/{provider}/link", Who::SignedIn, || post(oidc::link)).guarded(),
    ]
}

fn own_account() -> Vec<Route> {
    vec![
        Route::api(POST, "/api/auth/password/change", Who::SignedIn, || routes!(recovery::change_password))
            .rate(Rate::Credentials),
        Route::api(POST, "/api/auth/confirm", Who::SignedIn, || routes!(recovery::confirm)).rate(Rate::Credentials),
        Route::api(GET, "/api/auth/logins", Who::SignedIn, || routes!(logins::list)),
        Route::api(DELETE, "/api/auth/logins/{id}", Who::SignedIn, || routes!(logins::end)).whose(Whose::Own),
        Route::api(GET, "/api/tokens", Who::SignedIn, || routes!(logins::list_tokens)),
        Route::api(POST, "/api/tokens", Who::SignedIn, || routes!(logins::create_token)).guarded(),
        Route::api(DELETE, "/api/tokens/{id}", Who::SignedIn, || routes!(logins::revoke_token)).whose(Whose::Own),
    ]
}

fn profiles_of_people() -> Vec<Route> {
    vec![
        Route::api(GET, "/api/profiles/{userId}", Who::SignedIn, || routes!(profiles::show))
            .whose(Whose::OwnOrStaff)
            .scope(Scope::ProfilesRead),
        Route::api(PUT, "/api/profiles/{userId}", Who::SignedIn, || routes!(profiles::change))
            .whose(Whose::OwnOrStaff)
            .scope(Scope::ProfilesWrite),
        Route::api(DELETE, "/api/profiles/{userId}", Who::SignedIn, || routes!(profiles::erase))
            .whose(Whose::OwnOrStaff)
            .rate(Rate::Credentials)
            .guarded(),
        Route::api(GET, "/api/profiles/{userId}/export", Who::SignedIn, || routes!(profiles::export))
            .whose(Whose::Own)
            .guarded(),
        Route::api(PUT, "/api/profiles/{userId}/photo", Who::SignedIn, || routes!(photos::upload))
            .whose(Whose::OwnOrStaff)
            .scope(Scope::ProfilesWrite)
            .body(photos::BODY_LIMIT),
        Route::api(DELETE, "/api/profiles/{userId}/photo", Who::SignedIn, || routes!(photos::remove))
            .whose(Whose::OwnOrStaff)
            .scope(Scope::ProfilesWrite),
        Route::page(GET, "/photos/{userId}/{version}", Who::SignedIn, || get(photos::show)).whose(Whose::OwnOrStaff),
        Route::page(POST, "/profile/photo", Who::SignedIn, || post(photos::upload_form)).body(photos::BODY_LIMIT),
        Route::page(POST, "/profile/photo/remove", Who::SignedIn, || post(photos::remove_form)),
    ]
}

fn office_hours() -> Vec<Route> {
    let (reads, writes) = (Scope::AvailabilityRead, Scope::AvailabilityWrite);
    vec![
        Route::api(GET, "/api/availability", Who::SignedIn, || routes!(availability::list)).scope(reads),
        Route::api(POST, "/api/availability", Who::SignedIn, || routes!(availability::open))
            .scope(writes)
            .body(SLOTS_LIMIT),
        Route::api(PATCH, "/api/availability/{id}", Who::SignedIn, || routes!(availability::change))
            .whose(Whose::OwnOrStaff)
            .scope(writes),
        Route::api(DELETE, "/api/availability/{id}", Who::SignedIn, || routes!(availability::withdraw))
            .whose(Whose::OwnOrStaff)
            .scope(writes),
        Route::api(GET, "/api/availability/hours", Who::SignedIn, || routes!(hours::show)).scope(reads),
        Route::api(PUT, "/api/availability/hours", Who::SignedIn, || routes!(hours::set)).scope(writes),
        Route::api(POST, "/api/availability/pause", Who::SignedIn, || routes!(availability::pause)).scope(writes),
        Route::api(GET, "/api/availability/why", Who::SignedIn, || routes!(availability::why)).scope(reads),
        Route::api(POST, "/api/calendar/feed", Who::SignedIn, || routes!(calendar::renew)),
        Route::api(DELETE, "/api/calendar/feed", Who::SignedIn, || routes!(calendar::end)),
        Route::page(GET, "/cal/{name}", Who::Anyone, || get(calendar::show)).whose(Whose::Holder),
    ]
}

fn sessions_of_people() -> Vec<Route> {
    let (reads, writes) = (Scope::SessionsRead, Scope::SessionsWrite);
    let own = |method, path, handler| Route::api(method, path, Who::SignedIn, handler).whose(Whose::OwnOrStaff);
    vec![
        Route::api(POST, "/api/sessions", Who::SignedIn, || routes!(sessions::create)).scope(writes),
        Route::api(GET, "/api/sessions", Who::SignedIn, || routes!(sessions::list)).scope(reads),
        own(GET, "/api/sessions/{id}", || routes!(sessions::show)).scope(reads),
        own(GET, "/api/sessions/{id}/invite.ics", || routes!(sessions::invite)).scope(reads),
        own(POST, "/api/sessions/{id}/cancel", || routes!(sessions::cancel)).scope(writes),
        own(POST, "/api/sessions/{id}/reschedule", || routes!(sessions::reschedule)).scope(writes),
        own(POST, "/api/sessions/{id}/accept", || routes!(sessions::accept)).scope(writes),
        own(POST, "/api/sessions/{id}/decline", || routes!(sessions::decline)).scope(writes),
        own(POST, "/api/sessions/{id}/complete", || routes!(sessions::complete)).scope(writes),
        own(POST, "/api/sessions/{id}/no-show", || routes!(sessions::no_show)).scope(writes),
        Route::api(POST, "/api/sessions/{id}/undo", Who::STAFF, || routes!(sessions::undo)).scope(writes),
        own(POST, "/api/sessions/{id}/feedback", || routes!(sessions::give_feedback)).scope(writes),
        own(GET, "/api/sessions/{id}/feedback", || routes!(sessions::read_feedback)).scope(reads),
    ]
}

fn programs() -> Vec<Route> {
    vec![
        // Free: a base that is edited all at once sends as many deliveries; a wrong signature costs next to nothing.
        Route::api(POST, "/api/webhooks/airtable", Who::Anyone, || routes!(webhooks::airtable))
            .whose(Whose::Holder)
            .rate(Rate::Free)
            .body(webhooks::BODY_LIMIT),
        Route::api(POST, "/api/webhooks/airtable/notifications", Who::Anyone, || routes!(notifications::notify))
            .whose(Whose::Holder)
            .rate(Rate::Free)
            .body(notifications::BODY_LIMIT),
        Route::api(POST, "/api/cron/{task}", Who::Anyone, || routes!(webhooks::cron))
            .whose(Whose::Holder)
            .scope(Scope::CronRun)
            .rate(Rate::Credentials),
    ]
}

fn staff_interface() -> Vec<Route> {
    vec![
        Route::api(GET, "/api/admin/users", Who::STAFF, || routes!(people::list)).scope(Scope::StaffRead),
        Route::api(POST, "/api/admin/users", Who::ADMINS, || routes!(people::invite))
            .scope(Scope::StaffWrite)
            .rate(Rate::Letter)
            .guarded(),
        Route::api(PATCH, "/api/admin/users/{id}", Who::ADMINS, || routes!(people::change))
            .scope(Scope::StaffWrite)
            .guarded(),
        Route::api(POST, "/api/admin/users/{id}/invite", Who::ADMINS, || routes!(people::invite_again))
            .scope(Scope::StaffWrite)
            .rate(Rate::Letter)
            .guarded(),
        Route::api(GET, "/api/admin/events", Who::STAFF, || routes!(people::events)).scope(Scope::StaffRead),
        Route::api(GET, "/api/admin/events.csv", Who::ADMINS, || routes!(people::events_csv))
            .scope(Scope::StaffRead)
            .guarded(),
        Route::api(GET, "/api/admin/export/{kind}", Who::STAFF, || routes!(books::export))
            .scope(Scope::StaffRead)
            .guarded(),
        Route::api(GET, "/api/admin/outbox", Who::STAFF, || routes!(outbox::list)).scope(Scope::StaffRead),
        Route::api(GET, "/api/admin/outbox/{id}", Who::STAFF, || routes!(outbox::show)).scope(Scope::StaffRead),
        Route::api(POST, "/api/admin/outbox/{id}/retry", Who::STAFF, || routes!(outbox::retry))
            .scope(Scope::StaffWrite),
        Route::api(GET, "/api/admin/jobs", Who::STAFF, || routes!(people::queue)).scope(Scope::StaffRead),
        Route::api(GET, "/api/admin/tags", Who::STAFF, || routes!(tags::list)).scope(Scope::StaffRead),
        Route::api(POST, "/api/admin/tags/merge", Who::STAFF, || routes!(tags::merge)).scope(Scope::StaffWrite),
        Route::api(GET, "/api/admin/sync", Who::STAFF, || routes!(webhooks::log)).scope(Scope::StaffRead),
        Route::api(POST, "/api/admin/sync/{id}/replay", Who::STAFF, || routes!(webhooks::replay))
            .scope(Scope::StaffWrite),
    ]
}

fn other_programs() -> Vec<Route> {
    let (reads, writes) = (Scope::StaffRead, Scope::StaffWrite);
    vec![
        Route::api(GET, "/api/admin/hooks", Who::ADMINS, || routes!(hooks::list)).scope(reads),
        Route::api(POST, "/api/admin/hooks", Who::ADMINS, || routes!(hooks::create)).scope(writes).guarded(),
        Route::api(PATCH, "/api/admin/hooks/{id}", Who::ADMINS, || routes!(hooks::change)).scope(writes).guarded(),
        Route::api(DELETE, "/api/admin/hooks/{id}", Who::ADMINS, || routes!(hooks::remove)).scope(writes).guarded(),
        Route::api(POST, "/api/admin/hooks/{id}/test", Who::ADMINS, || routes!(hooks::test)).scope(writes),
        Route::api(GET, "/api/admin/hooks/{id}/letters", Who::ADMINS, || routes!(hooks::letters)).scope(reads),
        Route::api(POST, "/api/admin/hooks/letters/{id}/retry", Who::ADMINS, || routes!(hooks::retry)).scope(writes),
    ]
}

fn operations() -> Vec<Route> {
    vec![
        Route::api(GET, "/healthz", Who::Anyone, || routes!(operations::healthz)).rate(Rate::Free),
        Route::api(GET, "/readyz", Who::Anyone, || routes!(operations::readyz)).rate(Rate::Free),
        Route::page(GET, "/assets/{name}", Who::Anyone, || get(assets::show)).rate(Rate::Free),
    ]
}

fn pages_of_everybody() -> Vec<Route> {
    vec![
        Route::page(GET, "/", Who::Anyone, || get(pages::show::home)),
        Route::page(GET, "/signin", Who::Anyone, || get(pages::show::signin)),
        Route::page(POST, "/signin", Who::Anyone, || post(pages::show::sign_in)).rate(Rate::Credentials),
        Route::page(POST, "/signout", Who::Anyone, || post(pages::show::sign_out)),
        Route::page(GET, "/search", Who::SignedIn, || get(pages::show::search)),
        Route::page(GET, "/mentors/{id}", Who::SignedIn, || get(pages::show::mentor)),
    ]
}

fn pages_of_accounts() -> Vec<Route> {
    vec![
        Route::page(GET, "/signup", Who::Anyone, || get(arriving::signup)),
        Route::page(POST, "/signup", Who::Anyone, || post(arriving::sign_up)).rate(Rate::Credentials),
        Route::page(GET, "/verify", Who::Anyone, || get(arriving::verify)).whose(Whose::Holder),
        Route::page(POST, "/verify", Who::Anyone, || post(arriving::verify_now))
            .whose(Whose::Holder)
            .rate(Rate::Credentials),
        Route::page(GET, "/signin/link", Who::Anyone, || get(arriving::link)).whose(Whose::Holder),
        Route::page(POST, "/signin/link", Who::Anyone, || post(arriving::link_now))
            .whose(Whose::Holder)
            .rate(Rate::Letter),
        Route::page(GET, "/forgot", Who::Anyone, || get(arriving::forgot)),
        Route::page(POST, "/forgot", Who::Anyone, || post(arriving::forgot_now)).rate(Rate::Letter),
        Route::page(GET, "/reset", Who::Anyone, || get(arriving::reset)).whose(Whose::Holder),
        Route::page(POST, "/reset", Who::Anyone, || post(arriving::reset_now))
            .whose(Whose::Holder)
            .rate(Rate::Credentials),
        Route::page(GET, "/setup", Who::Anyone, || get(arriving::set_up)).whose(Whose::Holder),
        Route::page(POST, "/setup", Who::Anyone, || post(arriving::set_up_now))
            .whose(Whose::Holder)
            .rate(Rate::Credentials),
    ]
}

fn pages_of_ones_own() -> Vec<Route> {
    vec![
        Route::page(GET, "/profile", Who::SignedIn, || get(own::show)),
        Route::page(POST, "/profile", Who::SignedIn, || post(own::save)),
        Route::page(POST, "/profile/photo/url", Who::SignedIn, || post(own::link_photo)),
        Route::page(GET, "/profile/export", Who::SignedIn, || get(profiles::export_own)).guarded(),
        Route::page(POST, "/profile/delete", Who::SignedIn, || post(own::leave)).rate(Rate::Credentials).guarded(),
        Route::page(GET, "/confirm", Who::SignedIn, || get(own::confirm)),
        Route::page(POST, "/confirm", Who::SignedIn, || post(own::confirm_now)).rate(Rate::Credentials),
        Route::page(GET, "/profile/security", Who::SignedIn, || get(safety::show)),
        Route::page(POST, "/profile/security/password", Who::SignedIn, || post(safety::password))
            .rate(Rate::Credentials),
        Route::page(POST, "/profile/security/logins/{id}/end", Who::SignedIn, || post(safety::end_login))
            .whose(Whose::Own),
        Route::page(POST, "/profile/security/logins/end-others", Who::SignedIn, || post(safety::end_others)),
        Route::page(POST, "/profile/security/links/{id}/unlink", Who::SignedIn, || post(safety::unlink))
            .whose(Whose::Own)
            .guarded(),
        Route::page(POST, "/profile/security/tokens", Who::SignedIn, || post(safety::create_token)).guarded(),
        Route::page(POST, "/profile/security/tokens/{id}/revoke", Who::SignedIn, || post(safety::revoke_token))
            .whose(Whose::Own),
    ]
}

fn pages_of_office_hours() -> Vec<Route> {
    let own = |method, path, handler| Route::page(method, path, Who::SignedIn, handler).whose(Whose::OwnOrStaff);
    vec![
        Route::page(GET, "/mentors/{id}/book", Who::SignedIn, || get(booking::check)),
        Route::page(POST, "/mentors/{id}/book", Who::SignedIn, || post(booking::book)),
        Route::page(GET, "/sessions", Who::SignedIn, || get(meetings::list)),
        own(GET, "/sessions/{id}", || get(meetings::show)),
        own(POST, "/sessions/{id}/cancel", || post(meetings::cancel)),
        own(POST, "/sessions/{id}/accept", || post(meetings::accept)),
        own(POST, "/sessions/{id}/decline", || post(meetings::decline)),
        own(POST, "/sessions/{id}/complete", || post(meetings::complete)),
        own(POST, "/sessions/{id}/no-show", || post(meetings::no_show)),
        Route::page(POST, "/sessions/{id}/undo", Who::STAFF, || post(meetings::undo)),
        own(POST, "/sessions/{id}/feedback", || post(meetings::give_feedback)),
        own(GET, "/sessions/{id}/move", || get(meetings::choose)),
        own(POST, "/sessions/{id}/move", || post(meetings::move_to)),
        Route::page(GET, "/availability", Who::SignedIn, || get(offering::show)),
        Route::page(POST, "/availability/hours", Who::SignedIn, || post(offering::save_hours)),
        Route::page(POST, "/availability/slots", Who::SignedIn, || post(offering::open)),
        own(POST, "/availability/slots/{id}/withdraw", || post(offering::withdraw)),
        Route::page(POST, "/availability/pause", Who::SignedIn, || post(offering::pause)),
        Route::page(POST, "/sessions/calendar", Who::SignedIn, || post(meetings::make_feed)),
        Route::page(POST, "/sessions/calendar/end", Who::SignedIn, || post(meetings::end_feed)),
    ]
}

fn pages_of_staff() -> Vec<Route> {
    vec![
        Route::page(GET, "/admin", Who::STAFF, || get(staff::home)),
        Route::page(GET, "/admin/users", Who::ADMINS, || get(staff::users)),
        Route::page(POST, "/admin/users/invite", Who::ADMINS, || post(staff::invite)).rate(Rate::Letter).guarded(),
        Route::page(POST, "/admin/users/{id}", Who::ADMINS, || post(staff::change_user)).guarded(),
        Route::page(POST, "/admin/users/{id}/invite", Who::ADMINS, || post(staff::invite_again))
            .rate(Rate::Letter)
            .guarded(),
        Route::page(GET, "/admin/audit", Who::STAFF, || get(staff::audit_log)),
        Route::page(GET, "/admin/audit.csv", Who::ADMINS, || get(staff::audit_file)).guarded(),
        Route::page(GET, "/admin/sync", Who::STAFF, || get(syncing::log)),
        Route::page(POST, "/admin/sync/look", Who::STAFF, || post(syncing::look)),
        Route::page(POST, "/admin/sync/{id}/replay", Who::STAFF, || post(syncing::replay)),
        Route::page(GET, "/admin/outbox", Who::STAFF, || get(staff::letters)),
        Route::page(GET, "/admin/outbox/{id}", Who::STAFF, || get(staff::letter)),
        Route::page(POST, "/admin/outbox/{id}/retry", Who::STAFF, || post(staff::retry_letter)),
    ]
}

fn pages_of_other_programs() -> Vec<Route> {
    vec![
        Route::page(GET, "/admin/hooks", Who::ADMINS, || get(telling::list)),
        Route::page(POST, "/admin/hooks", Who::ADMINS, || post(telling::add)).guarded(),
        Route::page(GET, "/admin/hooks/{id}", Who::ADMINS, || get(telling::show)),
        Route::page(POST, "/admin/hooks/{id}", Who::ADMINS, || post(telling::change)).guarded(),
        Route::page(POST, "/admin/hooks/{id}/switch", Who::ADMINS, || post(telling::switch)).guarded(),
        Route::page(POST, "/admin/hooks/{id}/secret", Who::ADMINS, || post(telling::renew_secret)).guarded(),
        Route::page(POST, "/admin/hooks/{id}/remove", Who::ADMINS, || post(telling::remove)).guarded(),
        Route::page(POST, "/admin/hooks/{id}/test", Who::ADMINS, || post(telling::test)),
        Route::page(POST, "/admin/hooks/letters/{id}/retry", Who::ADMINS, || post(telling::retry)),
    ]
}

/// Mentors as those who run the program see and change them.
fn pages_on_mentors() -> Vec<Route> {
    let staff = |method, path, handler| Route::page(method, path, Who::STAFF, handler);
    vec![
        staff(GET, "/admin/mentors", || get(directory::list)),
        staff(POST, "/admin/mentors/bulk", || post(directory::change)),
        staff(POST, "/admin/mentors/bulk/undo", || post(directory::take_back)),
        staff(GET, "/admin/mentors/new", || get(editing::new)),
        staff(POST, "/admin/mentors/new", || post(editing::add)),
        staff(GET, "/admin/mentors/{id}", || get(editing::show)),
        staff(POST, "/admin/mentors/{id}", || post(editing::save)),
        staff(GET, "/admin/tags", || get(tagging::list)),
        staff(GET, "/admin/tags/change", || get(tagging::preview)),
        staff(POST, "/admin/tags/change", || post(tagging::change)),
        staff(POST, "/admin/tags/undo", || post(tagging::undo)),
        staff(GET, "/admin/import", || get(importing::form)),
        staff(POST, "/admin/import", || post(importing::send)).body(importing::BODY_LIMIT),
        staff(GET, "/admin/import/{id}", || get(importing::show)).whose(Whose::Own),
        staff(POST, "/admin/import/{id}", || post(importing::take_in)).whose(Whose::Own),
        staff(POST, "/admin/import/{id}/discard", || post(importing::discard)).whose(Whose::Own),
    ]
}
