//! Views beside what they are element by element.

use std::sync::Mutex;

use casemate_core::MemorySource;
use proptest::prelude::*;

use super::*;
use crate::tensor::{Dtype, Place, Storage, product};

/// The elements one by one.
fn by_hand(tensor: &Tensor, bytes: &[u8]) -> Vec<u8> {
    let size = small(tensor.dtype().size());
    let count = product(tensor.shape()).expect("small");
    let mut out = Vec::new();
    for nth in 0..count {
        let (mut rest, mut at) = (nth, tensor.offset());
        for (&extent, &stride) in tensor.shape().iter().zip(tensor.strides()).rev() {
            at += rest % extent * stride;
            rest /= extent;
        }
        let from = small(at) * size;
        let mut element = bytes[from..from + size].to_vec();
        if tensor.storage().big_endian {
            let unit = small(tensor.dtype().unit());
            element.chunks_mut(unit).for_each(<[u8]>::reverse);
        }
        out.extend(element);
    }
    out
}

fn gathered(tensor: &Tensor, bytes: &[u8]) -> Vec<u8> {
    // Small, so that small views need more than one of everything.
    let measures = Measures {
        step: 1000,
        block: 4 << 10,
        long: 128,
        tile: 1 << 10,
        gap: 40,
        workers: 3,
    };
    gathered_by(&measures, tensor, bytes)
}

fn gathered_by(measures: &Measures, tensor: &Tensor, bytes: &[u8]) -> Vec<u8> {
    let out = Mutex::new(vec![0xee; 3]);
    let source = MemorySource(bytes);
    let workers = &mut Workers::exactly(3);
    copy_by(measures, tensor, &source, workers, &out, 3).expect("memory");
    let mut out = out.into_inner().expect("no panic");
    assert_eq!(out[..3], [0xee; 3]);
    out.split_off(3)
}

fn numbered(len: u64) -> Vec<u8> {
    // Neighbours and rows differ.
    (0..len)
        .map(|at| (at * 167 % 251).to_le_bytes()[0])
        .collect()
}

fn view(dtype: Dtype, shape: &[u64], strides: &[u64], offset: u64, big: bool) -> Tensor {
    let mut len = offset + 1;
    for (extent, stride) in shape.iter().zip(strides) {
        len += extent.saturating_sub(1) * stride;
    }
    let storage = Storage {
        place: Place::Key("0".to_owned()),
        len: len * dtype.size(),
        dtype: None,
        big_endian: big,
    };
    Tensor::new(dtype, shape.to_vec(), strides.to_vec(), offset, storage).expect("a view")
}

#[test]
fn dimensions_that_lie_as_one_are_one() {
    let dimension = |extent, stride| Dimension { extent, stride };
    let merged =
        |shape: &[u64], strides: &[u64]| merged(&view(Dtype::F32, shape, strides, 0, false), 4);
    assert_eq!(merged(&[2, 3, 4], &[12, 4, 1]), [dimension(24, 4)]);
    assert_eq!(merged(&[2, 1, 4], &[4, 99, 1]), [dimension(8, 4)]);
    assert_eq!(
        merged(&[3, 2], &[1, 3]),
        [dimension(3, 4), dimension(2, 12)]
    );
    assert_eq!(merged(&[3, 2], &[0, 0]), [dimension(6, 0)]);
    assert_eq!(merged(&[], &[]), []);
}

#[test]
fn large_views_are_what_they_are_element_by_element() {
    for (dtype, shape, strides) in [
        (Dtype::F64, &[250, 210][..], &[1, 250][..]),
        (Dtype::U8, &[600, 600], &[1, 601]),
        (Dtype::F32, &[90_000], &[2]),
        (Dtype::F32, &[900], &[100]),
        (Dtype::F32, &[3, 30_000], &[1, 3]),
        (Dtype::F16, &[6, 16, 13, 15], &[1, 6, 6 * 16 * 15, 6 * 16]),
        (Dtype::I16, &[4, 100, 300], &[300, 0, 1]),
        (Dtype::C128, &[70, 200], &[500, 2]),
        (Dtype::I64, &[90, 500], &[1, 7]),
    ] {
        for big in [false, true] {
            let tensor = view(dtype, shape, strides, 5, big);
            let bytes = numbered(tensor.storage().len);
            let same = gathered(&tensor, &bytes) == by_hand(&tensor, &bytes);
            assert!(same, "{dtype:?} {shape:?} {strides:?} {big}");
        }
    }
}

#[test]
fn whole_squares_are_turned_and_what_is_left_of_them() {
    for dtype in [Dtype::U8, Dtype::Bf16, Dtype::F32, Dtype::C64, Dtype::C128] {
        for (shape, strides) in [
            (&[200, 150][..], &[1, 200][..]),
            (&[128, 64], &[1, 131]),
            (&[70, 3, 130], &[1, 70 * 130, 70]),
        ] {
            for (reading, workers, big) in [
                (Reading::Anywhere, 1, false),
                (Reading::Anywhere, 3, true),
                (Reading::Forward, 3, false),
            ] {
                let tensor = view(dtype, shape, strides, 1, big);
                let bytes = numbered(tensor.storage().len);
                let found = gathered_by(&Measures::of(reading, workers), &tensor, &bytes);
                assert!(found == by_hand(&tensor, &bytes), "{dtype:?} {shape:?}");
            }
        }
    }
}

#[test]
fn an_error_of_one_worker_ends_the_work_of_all() {
    let done = Mutex::new(0u64);
    let result = Workers::exactly(3).each(1_000_000, 3, |nth, _| {
        *done.lock().expect("no panic") += 1;
        match nth {
            5 => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    });
    assert_eq!(
        result.map_err(|error| error.kind()),
        Err(io::ErrorKind::StorageFull)
    );
    assert!(*done.lock().expect("no panic") < 1_000_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn views_are_what_they_are_element_by_element(
        dimensions in proptest::collection::vec((0u64..7, 0u64..9), 0..5),
        offset in 0u64..5,
        which in 0usize..5,
        big in any::<bool>(),
    ) {
        let dtype = [Dtype::U8, Dtype::Bf16, Dtype::F32, Dtype::C64, Dtype::C128][which];
        let (shape, strides): (Vec<u64>, Vec<u64>) = dimensions.into_iter().unzip();
        let tensor = view(dtype, &shape, &strides, offset, big);
        let bytes = numbered(tensor.storage().len);
        prop_assert_eq!(gathered(&tensor, &bytes), by_hand(&tensor, &bytes));
    }
}
