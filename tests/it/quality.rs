//! Ranking quality is a test too: the demo's graded questions have a floor. The figures that
//! matter are the cross-validated ones of `tandem eval --cross-validate`; these guard them.

use crate::binary::tandem;

#[test]
fn the_demo_questions_are_answered_well() {
    let report = tandem(&["eval", "assets/demo", "--json"], "").json();
    let figure = |name: &str| report[name].as_f64().unwrap_or_else(|| panic!("{name} is missing: {report}"));
    let variant = |name: &str| report["variants"][name]["ndcg10"].as_f64().expect("measured");
    println!("{}", report["variants"]);
    assert!(figure("ndcg10") >= 0.84, "nDCG@10 {}", figure("ndcg10"));
    assert!(figure("recall10") >= 0.89, "recall@10 {}", figure("recall10"));
    assert!(figure("relevantAbove50") >= 0.88, "ideal above 50: {}", figure("relevantAbove50"));
    assert!(figure("irrelevantAbove50") <= 0.03, "unlisted above 50: {}", figure("irrelevantAbove50"));
    assert!(figure("outOfDomainEmpty") >= 1.0, "out of domain: {}", figure("outOfDomainEmpty"));
    assert!(variant("all") > variant("keyword") && variant("all") > variant("semantic"));
}
