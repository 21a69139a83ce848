//! The whole set against a brute-force model: what is found, in which order, whatever happened to the set before.

use super::cosine::{DIMS, cosine};
use super::sample::{Sample, TOPICS};
use super::shortlist::Scan;
use super::signs::Tables;
use super::{MAX_OWNERS, Near, Refused, Tier, Vectors, graph};
use crate::matching::bits::Bits;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a set should hold.
type Model = BTreeMap<u32, Vec<[f32; DIMS]>>;

const ALL: u32 = 100_000;

fn brute_force(model: &Model, query: &[f32; DIMS], k: usize, eligible: &Bits) -> Vec<Near> {
    let units = model.iter().filter(|(owner, _)| eligible.get(**owner)).flat_map(|(owner, units)| {
        (0..).zip(units).map(|(unit, wide)| Near { owner: *owner, unit, cosine: cosine(query, wide) })
    });
    let mut hits: Vec<Near> = units.collect();
    hits.sort_by(Near::order);
    hits.truncate(k);
    hits
}

fn filled(tier: Tier, model: &Model) -> Vectors {
    let mut vectors = Vectors::new(tier);
    for (owner, units) in model {
        vectors.put(*owner, units).expect("unit vectors");
    }
    vectors
}

fn profiles(sample: &mut Sample, owners: u32, units: u64) -> Model {
    (0..owners).map(|owner| (owner * 3, sample.profile(units))).collect()
}

/// The share of the true hits that were found, over 20 questions.
fn recall(vectors: &Vectors, tier: Tier, model: &Model, k: usize, eligible: &Bits) -> f64 {
    let mut sample = Sample::new(77);
    let (mut n_found, mut n_true) = (0, 0);
    for question in 0..20 {
        let query = sample.vector(question % TOPICS);
        let answered = vectors.nearest_by(tier, &query, k, eligible);
        assert_eq!(answered.tier, tier);
        let truth = brute_force(model, &query, k, eligible);
        n_true += truth.len();
        n_found += truth.iter().filter(|hit| answered.hits.contains(hit)).count();
    }
    f64::from(u32::try_from(n_found).expect("few")) / f64::from(u32::try_from(n_true).expect("few"))
}

#[derive(Clone, Debug)]
enum Step {
    Put {
        owner: u32,
        units: u64,
        topic: u64,
    },
    /// Puts what another owner has, so that cosines tie.
    Copy {
        owner: u32,
        from: u32,
    },
    Remove {
        owner: u32,
    },
    Settle,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u32..40, 1u64..=9, 0u64..1_000).prop_map(|(owner, units, topic)| Step::Put { owner, units, topic }),
        2 => (0u32..40, 0u32..40).prop_map(|(owner, from)| Step::Copy { owner, from }),
        3 => (0u32..40).prop_map(|owner| Step::Remove { owner }),
        1 => Just(Step::Settle),
    ]
}

fn apply(step: &Step, vectors: &mut Vectors, model: &mut Model) {
    match step {
        Step::Put { owner, units, topic } => {
            let units = Sample::new(*topic).profile(*units);
            vectors.put(*owner, &units).expect("unit vectors");
            model.insert(*owner, units);
        }
        Step::Copy { owner, from } => {
            if let Some(units) = model.get(from).cloned() {
                vectors.put(*owner, &units).expect("unit vectors");
                model.insert(*owner, units);
            }
        }
        Step::Remove { owner } => {
            vectors.remove(*owner);
            model.remove(owner);
        }
        Step::Settle => vectors.settle(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_history_answers_like_a_search_by_hand(
        steps in prop::collection::vec(step(), 1..60),
        eligible in prop::collection::btree_set(0u32..50, 0..50),
        k in prop_oneof![1usize..12, 100usize..400],
        topic in 0u64..1_000,
    ) {
        let (mut vectors, mut model) = (Vectors::new(Tier::Auto), Model::new());
        for step in &steps {
            apply(step, &mut vectors, &mut model);
        }
        let query = Sample::new(topic).vector(topic % TOPICS);
        let eligible: Bits = eligible.into_iter().collect();
        let truth = brute_force(&model, &query, k, &eligible);
        // Up to the length of the shortlist the cascade is exact too.
        for tier in [Tier::Auto, Tier::Exact, Tier::Cascade, Tier::Hnsw] {
            prop_assert_eq!(&vectors.nearest_by(tier, &query, k, &eligible).hits, &truth, "{:?}", tier);
        }
        prop_assert_eq!(vectors.n_units(), model.values().map(Vec::len).sum::<usize>());
        prop_assert_eq!(vectors.n_owners(), model.len());
        for owner in 0..45 {
            let expected: Vec<f32> = model.get(&owner).into_iter().flatten().map(|wide| cosine(&query, wide)).collect();
            prop_assert!(vectors.cosines(&query, owner).eq(expected));
        }
    }
}

#[test]
fn the_exact_tier_finds_all_of_the_nearest() {
    let mut sample = Sample::new(11);
    let model = profiles(&mut sample, 700, 9);
    let vectors = filled(Tier::Auto, &model);
    for k in [1, 10, 1_000] {
        assert!(recall(&vectors, Tier::Exact, &model, k, &Bits::below(ALL)) >= 1.0, "k = {k}");
    }
}

#[test]
fn the_cascade_finds_nearly_all_of_the_nearest() {
    let mut sample = Sample::new(12);
    let model = profiles(&mut sample, 1_500, 9);
    let vectors = filled(Tier::Auto, &model);
    assert!(recall(&vectors, Tier::Cascade, &model, 10, &Bits::below(ALL)) >= 0.998);
    let half: Bits = model.keys().copied().filter(|owner| owner % 2 == 0).collect();
    assert!(recall(&vectors, Tier::Cascade, &model, 10, &half) >= 0.998);
}

#[test]
fn any_number_of_threads_finds_the_same_signs() {
    let mut sample = Sample::new(13);
    let vectors = filled(Tier::Auto, &profiles(&mut sample, 700, 9));
    let query = sample.vector(3);
    let tables = Tables::new(&query);
    let scan = Scan { chunks: vectors.slab.chunks(), first_block: 0, tables: &tables, mask: None, want: 300 };
    let mut alone = scan.run_on(1);
    alone.sort_unstable();
    assert!(alone.len() >= 300);
    for n_threads in [2, 3, 16] {
        let mut together = scan.run_on(n_threads);
        together.sort_unstable();
        assert_eq!(together, alone, "{n_threads} threads");
    }
}

#[test]
fn equal_vectors_are_told_apart_by_owner_and_unit_alone() {
    let wide = Sample::new(1).vector(1);
    let mut vectors = Vectors::new(Tier::Auto);
    for owner in [9, 2, 600, 4] {
        vectors.put(owner, &[wide, wide]).expect("unit vectors");
    }
    for tier in [Tier::Exact, Tier::Cascade] {
        let hits = vectors.nearest_by(tier, &wide, 5, &Bits::below(ALL)).hits;
        let keys: Vec<(u32, u8)> = hits.iter().map(|hit| (hit.owner, hit.unit)).collect();
        assert_eq!(keys, [(2, 0), (2, 1), (4, 0), (4, 1), (9, 0)]);
    }
}

#[test]
fn a_crowd_of_equal_vectors_hides_nobody() {
    let mut sample = Sample::new(2);
    let (crowd, query) = (sample.vector(1), sample.vector(1));
    let mut model: Model = (0..5_000).map(|owner| (owner, vec![crowd])).collect();
    model.insert(5_001, vec![query]);
    let vectors = filled(Tier::Auto, &model);
    for tier in [Tier::Exact, Tier::Cascade] {
        assert_eq!(
            vectors.nearest_by(tier, &query, 7, &Bits::below(ALL)).hits,
            brute_force(&model, &query, 7, &Bits::below(ALL))
        );
    }
}

#[test]
fn a_removed_owner_is_never_found() {
    let mut sample = Sample::new(3);
    let model = profiles(&mut sample, 50, 3);
    let mut vectors = filled(Tier::Auto, &model);
    vectors.remove(30);
    vectors.remove(30);
    vectors.remove(MAX_OWNERS + 5);
    let found = vectors.nearest(&sample.vector(0), 1_000, &Bits::below(ALL)).hits;
    assert_eq!(found.len(), 49 * 3);
    assert!(found.iter().all(|hit| hit.owner != 30));
    assert_eq!(vectors.cosines(&sample.vector(0), 30).count(), 0);
}

#[test]
fn a_refused_put_changes_nothing() {
    let mut sample = Sample::new(4);
    let good = sample.profile(2);
    let mut vectors = Vectors::new(Tier::Auto);
    vectors.put(7, &good).expect("unit vectors");
    let before = vectors.nearest(&good[0], 9, &Bits::below(ALL));
    assert_eq!(vectors.put(7, &[good[0].to_vec(), vec![0.5; DIMS]]), Err(Refused::Norm));
    assert_eq!(vectors.put(7, &[&good[0][..100]]), Err(Refused::Length(100)));
    assert_eq!(vectors.put::<[f32; DIMS]>(7, &[]), Err(Refused::Count(0)));
    assert_eq!(vectors.put(7, &[good[0]; 10]), Err(Refused::Count(10)));
    assert_eq!(vectors.put(MAX_OWNERS, &good), Err(Refused::Owner(MAX_OWNERS)));
    assert_eq!(vectors.nearest(&good[0], 9, &Bits::below(ALL)), before);
}

#[test]
fn a_question_without_a_direction_or_without_anyone_is_answered_with_nothing() {
    let mut sample = Sample::new(5);
    let vectors = filled(Tier::Auto, &profiles(&mut sample, 20, 2));
    let query = sample.vector(0);
    let all = Bits::below(ALL);
    assert!(vectors.nearest(&query, 0, &all).hits.is_empty());
    assert!(vectors.nearest(&query, 5, &Bits::new()).hits.is_empty());
    assert!(vectors.nearest(&query, 5, &Bits::from_iter([1, 2, 4])).hits.is_empty(), "holes in the numbering");
    assert!(vectors.nearest(&query[1..], 5, &all).hits.is_empty());
    assert!(vectors.nearest(&[f32::NAN; DIMS], 5, &all).hits.is_empty());
    assert!(Vectors::new(Tier::Auto).nearest(&query, 5, &all).hits.is_empty());
    assert_eq!(vectors.nearest(&query, usize::MAX, &all).hits.len(), 40);
}

#[test]
fn settled_sets_with_the_same_units_answer_alike_whatever_came_before() {
    let mut sample = Sample::new(6);
    let model = profiles(&mut sample, 900, 9);
    let mut one = filled(Tier::Auto, &model);
    let mut two = Vectors::new(Tier::Auto);
    for owner in (0..3_000).rev() {
        two.put(owner, &sample.profile(1 + u64::from(owner) % 9)).expect("unit vectors");
    }
    for (owner, units) in model.iter().rev() {
        two.put(*owner, units).expect("unit vectors");
    }
    (0..3_000).filter(|owner| !model.contains_key(owner)).for_each(|owner| two.remove(owner));
    one.settle();
    two.settle();
    let half: Bits = model.keys().copied().filter(|owner| owner % 2 == 0).collect();
    for topic in 0..10 {
        let query = sample.vector(topic);
        for (k, eligible) in [(10, &Bits::below(ALL)), (700, &half)] {
            let answers = [&one, &two].map(|set| set.nearest_by(Tier::Cascade, &query, k, eligible));
            assert_eq!(answers[0], answers[1]);
        }
    }
}

#[test]
fn dead_slots_are_cleared_away() {
    let mut sample = Sample::new(7);
    let mut vectors = filled(Tier::Auto, &profiles(&mut sample, 1_000, 9));
    let full = vectors.bytes();
    (0..3_000).filter(|owner| owner % 7 != 0).for_each(|owner| vectors.remove(owner));
    assert!(vectors.bytes() < full / 2, "{} of {full}", vectors.bytes());
    assert_eq!(vectors.nearest(&sample.vector(1), 10_000, &Bits::below(ALL)).hits.len(), vectors.n_units());
}

#[test]
fn a_clone_is_not_touched_by_changes_to_the_other() {
    let mut sample = Sample::new(8);
    let model = profiles(&mut sample, 60, 4);
    let mut vectors = filled(Tier::Auto, &model);
    let (kept, query) = (vectors.clone(), sample.vector(3));
    let before = kept.nearest(&query, 300, &Bits::below(ALL));
    for owner in 0..90 {
        vectors.put(owner, &sample.profile(5)).expect("unit vectors");
    }
    vectors.remove(3);
    assert_eq!(kept.nearest(&query, 300, &Bits::below(ALL)), before);
}

#[test]
fn the_graph_finds_nearly_all_of_the_nearest() {
    let mut sample = Sample::new(9);
    let model = profiles(&mut sample, 300, 3);
    let mut vectors = filled(Tier::Auto, &model);
    vectors.attach(Arc::new(graph::build(&vectors.clone(), 1)));
    assert!(recall(&vectors, Tier::Hnsw, &model, 10, &Bits::below(ALL)) >= 0.99);
}

#[test]
fn the_graph_answers_for_what_changed_since_it_was_built() {
    let mut sample = Sample::new(10);
    let mut model = profiles(&mut sample, 200, 2);
    let mut vectors = filled(Tier::Auto, &model);
    let graph = graph::build(&vectors, 2);
    let query = sample.vector(5);
    let gone = vectors.nearest(&query, 1, &Bits::below(ALL)).hits[0].owner;
    vectors.remove(gone);
    model.remove(&gone);
    vectors.put(3, &[query, query]).expect("unit vectors");
    model.insert(3, vec![query; 2]);
    vectors.attach(Arc::new(graph));
    vectors.put(1, &[query]).expect("unit vectors");
    model.insert(1, vec![query]);
    let answered = vectors.nearest_by(Tier::Hnsw, &query, 5, &Bits::below(ALL));
    assert_eq!(answered.tier, Tier::Hnsw);
    assert_eq!(answered.hits[..3], brute_force(&model, &query, 3, &Bits::below(ALL)));
    assert!(answered.hits.iter().all(|hit| hit.owner != gone));
}

#[test]
fn a_graph_that_no_longer_fits_is_left_aside() {
    let mut sample = Sample::new(13);
    let model = profiles(&mut sample, 100, 2);
    let mut vectors = filled(Tier::Auto, &model);
    vectors.attach(Arc::new(graph::build(&vectors, 1)));
    let few: Bits = model.keys().copied().take(2).collect();
    let query = sample.vector(1);
    let answered = vectors.nearest_by(Tier::Hnsw, &query, 4, &few);
    assert_eq!((answered.tier, answered.hits), (Tier::Cascade, brute_force(&model, &query, 4, &few)));
    assert!(!vectors.is_graph_stale());
    for owner in 0..90 {
        vectors.put(owner, &sample.profile(1)).expect("unit vectors");
    }
    assert!(vectors.is_graph_stale());
    assert_eq!(vectors.nearest_by(Tier::Hnsw, &query, 4, &Bits::below(ALL)).tier, Tier::Cascade);
}

#[test]
fn a_graph_of_equal_vectors_finds_every_owner() {
    let mut sample = Sample::new(14);
    let shared = sample.vector(1);
    let model: Model = (0..400).map(|owner| (owner, vec![sample.vector(u64::from(owner)), shared])).collect();
    let mut vectors = filled(Tier::Auto, &model);
    vectors.attach(Arc::new(graph::build(&vectors, 1)));
    let answered = vectors.nearest_by(Tier::Hnsw, &shared, 400, &Bits::below(ALL));
    assert_eq!((answered.tier, answered.hits), (Tier::Hnsw, brute_force(&model, &shared, 400, &Bits::below(ALL))));
}

#[test]
fn one_thread_always_builds_the_same_graph() {
    let mut sample = Sample::new(15);
    let model = profiles(&mut sample, 150, 2);
    let answers = [(); 2].map(|()| {
        let mut vectors = filled(Tier::Auto, &model);
        vectors.attach(Arc::new(graph::build(&vectors, 1)));
        vectors.nearest_by(Tier::Hnsw, &Sample::new(16).vector(2), 20, &Bits::below(ALL))
    });
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].tier, Tier::Hnsw);
}
