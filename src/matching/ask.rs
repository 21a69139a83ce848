//! A question with its conditions, checked: what every face (HTTP, page, command line) turns its
//! input into before it asks. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::roster::Filters;
use crate::error::{Error, Result};
use crate::unseen;

/// The longest question, in characters.
pub const LONGEST_QUESTION: usize = 2_000;

/// The most values a filter may list, and their length in characters.
const MOST_VALUES: usize = 50;
const LONGEST_VALUE: usize = 100;

/// The most matches an answer holds, and how many it holds unless told.
const MOST_MATCHES: u32 = 50;
const MATCHES: u32 = 10;

/// `POST /api/match` as it comes in.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Question {
    /// What is needed, in plain words: 1 to 2,000 characters.
    #[schema(min_length = 1, max_length = 2000, example = "How do I price a pilot?")]
    pub query: String,
    /// Any of these industries, ignoring case.
    #[schema(max_items = 50)]
    pub industries: Vec<String>,
    /// Any of these stages.
    #[schema(max_items = 50)]
    pub stages: Vec<String>,
    /// Any of these topics.
    #[schema(max_items = 50)]
    pub expertise: Vec<String>,
    /// How many matches at most: 1 to 50, 10 unless said otherwise.
    #[schema(minimum = 1, maximum = 50, default = 10)]
    pub limit: Option<u32>,
    /// Only matches with at least this score.
    #[schema(minimum = 0, maximum = 100)]
    pub min_score: Option<u32>,
    /// Only mentors with a free slot within so many days.
    #[schema(minimum = 1, maximum = 60)]
    pub available_within_days: Option<u32>,
    /// Takes the question letter by letter, without correcting its spelling.
    pub exact: bool,
}

/// A question that can be answered.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The question as it was put, trimmed.
    pub text: String,
    /// Conditions on who may be shown.
    pub filters: Filters,
    /// Matches at most.
    pub limit: usize,
    /// The least score shown.
    pub min_score: u8,
    /// Whether spelling is left alone.
    pub is_exact: bool,
}

impl Ask {
    /// A question without conditions.
    ///
    /// # Errors
    /// As `check`.
    pub fn plain(text: &str) -> Result<Self> {
        Self::check(Question { query: text.to_owned(), ..Question::default() })
    }

    /// Checks a question and all of its conditions at once.
    ///
    /// # Errors
    /// `Invalid` with every field that is wrong.
    pub fn check(question: Question) -> Result<Self> {
        let mut problems = BTreeMap::new();
        let text = question.query.trim();
        // Marks of no width make nothing that anybody could have read.
        if text.chars().all(|letter| letter.is_whitespace() || unseen::is_unseen(letter)) {
            problems.insert("query".to_owned(), "must not be blank".to_owned());
        } else if text.chars().count() > LONGEST_QUESTION {
            problems.insert("query".to_owned(), format!("must not be longer than {LONGEST_QUESTION} characters"));
        } else if text.contains(|letter: char| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t')) {
            problems.insert("query".to_owned(), "must not hold control characters".to_owned());
        }
        for (field, values) in
            [("industries", &question.industries), ("stages", &question.stages), ("expertise", &question.expertise)]
        {
            if values.len() > MOST_VALUES {
                problems.insert(field.to_owned(), format!("must not list more than {MOST_VALUES} values"));
            } else if values.iter().any(|value| value.trim().is_empty() || value.chars().count() > LONGEST_VALUE) {
                problems.insert(field.to_owned(), format!("must list texts of 1 to {LONGEST_VALUE} characters"));
            }
        }
        for (field, value, least, most) in [
            ("limit", question.limit, 1, MOST_MATCHES),
            ("minScore", question.min_score, 0, 100),
            ("availableWithinDays", question.available_within_days, 1, 60),
        ] {
            if value.is_some_and(|value| value < least || value > most) {
                problems.insert(field.to_owned(), format!("must be from {least} to {most}"));
            }
        }
        if !problems.is_empty() {
            return Err(Error::invalid_fields(problems));
        }
        let text = text.to_owned();
        Ok(Self {
            text,
            filters: Filters {
                industries: question.industries,
                stages: question.stages,
                expertise: question.expertise,
                available_within_days: question.available_within_days,
            },
            limit: question.limit.unwrap_or(MATCHES) as usize,
            min_score: u8::try_from(question.min_score.unwrap_or(0)).unwrap_or(100),
            is_exact: question.exact,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong_fields(question: Question) -> Vec<String> {
        Ask::check(question).map_or_else(|refusal| refusal.fields.into_keys().collect(), |_| Vec::new())
    }

    fn asking(query: &str) -> Question {
        Question { query: query.to_owned(), ..Question::default() }
    }

    #[test]
    fn a_question_has_one_to_two_thousand_characters() {
        assert!(wrong_fields(asking("x")).is_empty());
        assert!(wrong_fields(asking(&"é".repeat(2_000))).is_empty());
        assert!(wrong_fields(asking("two\nlines\tand a tab")).is_empty());
        for bad in ["", " \n ", &"x".repeat(2_001), "nul\0", "escape\u{1b}[0m"] {
            assert_eq!(wrong_fields(asking(bad)), ["query"], "{bad:?}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let question = Question {
            industries: vec!["x".to_owned(); 10_000],
            stages: vec![" ".to_owned()],
            limit: Some(0),
            min_score: Some(101),
            available_within_days: Some(61),
            ..asking("pricing")
        };
        assert_eq!(wrong_fields(question), ["availableWithinDays", "industries", "limit", "minScore", "stages"]);
    }
}
