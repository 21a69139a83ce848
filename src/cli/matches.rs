//! `tandem match`: one question, answered on the terminal or as JSON.

use clap::Args as ClapArgs;

use super::{open, say, say_json};
use crate::config::Flags;
use crate::error::Result;
use crate::matching::{Answer, Ask, Match, Question, Ranking};

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// What is needed, in plain words
    query: String,
    /// Matches at most
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// Only this industry; may be repeated
    #[arg(long, value_name = "NAME")]
    industry: Vec<String>,
    /// Only this stage; may be repeated
    #[arg(long, value_name = "NAME")]
    stage: Vec<String>,
    /// Only this topic; may be repeated
    #[arg(long, value_name = "TAG")]
    expertise: Vec<String>,
    /// The least score shown
    #[arg(long, value_name = "SCORE")]
    min_score: Option<u32>,
    /// Only mentors with a free slot within so many days
    #[arg(long, value_name = "DAYS")]
    within: Option<u32>,
    /// Take the question letter by letter
    #[arg(long)]
    exact: bool,
    /// Print what POST /api/match would answer
    #[arg(long)]
    json: bool,
}

pub(super) fn run(flags: Flags, args: Args) -> Result<()> {
    let ask = Ask::check(Question {
        query: args.query,
        industries: args.industry,
        stages: args.stage,
        expertise: args.expertise,
        limit: args.limit,
        min_score: args.min_score,
        available_within_days: args.within,
        exact: args.exact,
    })?;
    let app = open(&flags, "match")?;
    app.matcher.settle(std::time::Duration::from_secs(30));
    let ranking = app.matcher.rank(&ask)?;
    if args.json { say_json(&Answer::from(&ranking)) } else { print(&ranking) }
}

fn print(ranking: &Ranking) -> Result<()> {
    if let Some(corrected) = &ranking.corrected {
        say(&format!("Showing results for: {corrected}"))?;
    }
    for part in &ranking.degraded {
        say(&format!("Note: the {part} side is not complete; `tandem serve` or `tandem reindex` completes it."))?;
    }
    if ranking.matches.is_empty() {
        say("Nobody here fits that.")?;
        if !ranking.near_misses.is_empty() {
            say("Nearest, but not near:")?;
        }
        return ranking.near_misses.iter().try_for_each(print_one);
    }
    say(&format!("{} fit, best first:", ranking.count))?;
    ranking.matches.iter().try_for_each(print_one)
}

fn print_one(it: &Match) -> Result<()> {
    say(&format!("{:3}  {} - {}", it.score.shown(), it.card.name, it.card.headline))?;
    for reason in it.reasons.iter().take(2) {
        say(&format!("       {}", reason.text))?;
    }
    Ok(())
}
