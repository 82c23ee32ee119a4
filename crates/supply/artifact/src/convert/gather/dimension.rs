//! The dimensions of a view, as few as will do.

use crate::tensor::Tensor;

/// One dimension, or several that lie in the storage as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dimension {
    pub(super) extent: u64,
    /// In bytes of the storage.
    pub(super) stride: u64,
}

/// The dimensions of a tensor that is not empty, the last one moving fastest.
pub(super) fn merged(tensor: &Tensor, size: u64) -> Vec<Dimension> {
    let mut dimensions: Vec<Dimension> = Vec::new();
    for (&extent, &stride) in tensor.shape().iter().zip(tensor.strides()) {
        if extent == 1 {
            continue;
        }
        // A view that was found to fit its storage has no product that overflows.
        let stride = stride * size;
        match dimensions.last_mut() {
            Some(outer) if outer.stride == extent * stride => {
                outer.extent *= extent;
                outer.stride = stride;
            }
            _ => dimensions.push(Dimension { extent, stride }),
        }
    }
    dimensions
}

pub(super) fn extents(dimensions: &[Dimension]) -> Vec<u64> {
    let extents = dimensions.iter().map(|dimension| dimension.extent);
    extents.collect()
}

/// How far elements of `size` bytes stand apart along each dimension, laid out row by row.
pub(super) fn row_by_row(extents: &[u64], size: u64) -> Vec<u64> {
    let mut places = vec![0; extents.len()];
    let mut step = size;
    for (place, extent) in places.iter_mut().zip(extents).rev() {
        *place = step;
        step *= extent;
    }
    places
}

/// The dimensions along which the storage runs, the fastest first. Those that repeat the same
/// elements are not among them.
pub(super) fn by_stride(dimensions: &[Dimension]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..dimensions.len())
        .filter(|&at| dimensions[at].stride > 0)
        .collect();
    order.sort_by_key(|&at| dimensions[at].stride);
    order
}
