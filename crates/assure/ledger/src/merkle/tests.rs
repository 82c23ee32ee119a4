use proptest::prelude::*;

use super::*;

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|n| Hash::leaf(&n.to_be_bytes())).collect()
}

fn place(index: u64) -> usize {
    usize::try_from(index).expect("a leaf in memory")
}

fn root_of(leaves: &[Hash]) -> Hash {
    let Ok(root) = root(&mut &tree(leaves), leaves.len() as u64);
    root
}

fn tree(leaves: &[Hash]) -> MemoryTree {
    leaves.iter().copied().collect()
}

fn inclusion_of(tree: &MemoryTree, index: u64, size: u64) -> Vec<Hash> {
    let Ok(proof) = inclusion(&mut &*tree, index, size);
    proof
}

fn consistency_of(tree: &MemoryTree, old: u64, new: u64) -> Vec<Hash> {
    let Ok(proof) = consistency(&mut &*tree, old, new);
    proof
}

/// The definition of RFC 6962, section 2.1, word for word.
fn by_definition(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::empty(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Hash::node(&by_definition(left), &by_definition(right))
        }
    }
}

#[test]
fn the_roots_are_those_of_certificate_transparency() {
    // The test vectors of the reference implementation of RFC 6962: eight entries and the roots over them.
    let entries: [&[u8]; 3] = [b"", b"\0", b"\x10"];
    let leaves: Vec<Hash> = entries.iter().map(|entry| Hash::leaf(entry)).collect();
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    ];
    for (size, expected) in roots.iter().enumerate() {
        assert_eq!(root_of(&leaves[..=size]).to_hex(), *expected);
    }
    let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(Hash::empty().to_hex(), nothing);
}

#[test]
fn every_entry_of_every_small_tree_is_proven() {
    let all = leaves(70);
    let whole = tree(&all);
    for size in 1..=70_u64 {
        let root = root_of(&all[..place(size)]);
        for index in 0..size {
            let proof = inclusion_of(&whole, index, size);
            let leaf = all[place(index)];
            assert_eq!(verify_inclusion(leaf, index, size, &proof, root), Ok(()));
        }
    }
}

#[test]
fn every_small_tree_is_proven_to_begin_every_later_one() {
    let all = leaves(70);
    let whole = tree(&all);
    let roots: Vec<Hash> = (0..=70).map(|size| root_of(&all[..size])).collect();
    let at = |size: u64| (size, roots[place(size)]);
    for new in 0..=70 {
        for old in 0..=new {
            let proof = consistency_of(&whole, old, new);
            assert_eq!(verify_consistency(at(old), at(new), &proof), Ok(()));
        }
    }
}

proptest! {
    #[test]
    fn the_root_is_the_one_the_definition_gives(size in 0_u64..600) {
        let all = leaves(size);
        prop_assert_eq!(root_of(&all), by_definition(&all));
    }

    #[test]
    fn a_proof_of_inclusion_proves_one_entry_at_one_place_and_nothing_else(
        size in 1_u64..600, pick in any::<u64>(), other in any::<u64>(), bit in 0_usize..256,
    ) {
        let all = leaves(size);
        let (root, index, wrong) = (root_of(&all), pick % size, other % size);
        let proof = inclusion_of(&tree(&all), index, size);
        let leaf = all[place(index)];
        prop_assert_eq!(verify_inclusion(leaf, index, size, &proof, root), Ok(()));
        if wrong != index {
            prop_assert!(verify_inclusion(leaf, wrong, size, &proof, root).is_err());
            prop_assert!(verify_inclusion(all[place(wrong)], index, size, &proof, root).is_err());
        }
        for at in 0..proof.len() {
            let mut flipped = proof.clone();
            flipped[at].0[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(verify_inclusion(leaf, index, size, &flipped, root).is_err());
            let mut short = proof.clone();
            short.remove(at);
            prop_assert!(verify_inclusion(leaf, index, size, &short, root).is_err());
        }
        let long = [proof.as_slice(), &[root]].concat();
        prop_assert!(verify_inclusion(leaf, index, size, &long, root).is_err());
    }

    #[test]
    fn a_proof_of_consistency_proves_one_beginning_and_nothing_else(
        new in 1_u64..600, pick in any::<u64>(), bit in 0_usize..256,
    ) {
        let all = leaves(new);
        let old = 1 + pick % new;
        let (first, whole) = (root_of(&all[..place(old)]), root_of(&all));
        let at = |size: u64| (size, if size == new { whole } else { first });
        let proof = consistency_of(&tree(&all), old, new);
        prop_assert_eq!(verify_consistency(at(old), at(new), &proof), Ok(()));
        let mut fork = all[..place(old)].to_vec();
        let changed = place(pick / 7 % old);
        fork[changed].0[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(verify_consistency((old, root_of(&fork)), at(new), &proof).is_err());
        for hash in 0..proof.len() {
            let mut flipped = proof.clone();
            flipped[hash].0[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(verify_consistency(at(old), at(new), &flipped).is_err());
        }
        let long = [proof.as_slice(), &[Hash::empty()]].concat();
        prop_assert!(verify_consistency(at(old), at(new), &long).is_err());
    }

    #[test]
    fn no_sizes_and_no_proof_make_the_verifiers_fall(
        old in any::<u64>(), new in any::<u64>(), count in 0_usize..70,
    ) {
        let proof = vec![Hash::empty(); count];
        let _ = verify_inclusion(Hash::empty(), old, new, &proof, Hash::empty());
        let _ = verify_consistency((old, Hash::empty()), (new, Hash::empty()), &proof);
    }
}
