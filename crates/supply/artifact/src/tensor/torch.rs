//! Tensors as torch pickles them: a call that rebuilds a view of a storage, which a persistent id
//! names.
//!
//! After `torch/_utils.py`, `torch/_tensor.py` and `torch/serialization.py` of torch 0.4 to 2.15.

use super::{Dtype, Place, Refusal, Storage, Tensor, numpy};
use crate::pickle::{
    symbol::Symbol,
    tree::{Called, Id, Node, Tree},
    value::Shape,
};

/// The tensor that a call rebuilds; nothing where it rebuilds none.
pub(crate) fn tensor(tree: &Tree<'_>, id: Id) -> Option<Result<Tensor, Refusal>> {
    let called = tree.called(id)?;
    let callee = tree.global(called.callee)?;
    if !rebuilds(callee) {
        return None;
    }
    Some(rebuild_call(tree, called, DEEPEST))
}

/// What a persistent id says of a storage: `('storage', type, key, location, numel)`, and where a
/// view of it begins and how long it is in the legacy format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Persistent {
    pub(crate) key: String,
    /// What the elements of the storage are; bytes where the storage does not say.
    pub(crate) dtype: Dtype,
    /// How many bytes it has.
    pub(crate) bytes: u64,
    /// The bytes of it that a view has: where they begin and how many they are.
    pub(crate) view: Option<(u64, u64)>,
    untyped: bool,
}

impl Persistent {
    /// What the node says, if it is a persistent id of this form.
    pub(crate) fn read(tree: &Tree<'_>, id: Id) -> Result<Self, Refusal> {
        let Node::Persistent(id) = *tree.node(id) else {
            return Err(MALFORMED);
        };
        Self::of_id(tree, id)
    }

    fn of_id(tree: &Tree<'_>, id: Id) -> Result<Self, Refusal> {
        let items = tree.items_of(id, Shape::Tuple);
        let (&[tag, class, key, location, numel], view) = items
            .and_then(|items| items.split_first_chunk())
            .ok_or(Refusal::Persistent)?;
        if tree.text(tag).as_deref() != Some("storage") {
            return Err(Refusal::Persistent);
        }
        let class = tree.global(class).ok_or(Refusal::Persistent)?;
        let known = matches!(&*class.module, "torch" | "torch.storage" | "torch.cuda");
        let dtype = Dtype::of_storage(&class.path).filter(|_| known);
        let dtype = dtype.ok_or_else(|| Refusal::Dtype(class.dotted()))?;
        match tree.text(location).as_deref() {
            None => return Err(Refusal::Persistent),
            Some("meta") => return Err(Refusal::Meta),
            Some(_) => {}
        }
        let bytes = |elements: Id| natural(tree, elements)?.checked_mul(dtype.size());
        let view = match view {
            [] => None,
            &[view] if matches!(tree.node(view), Node::None) => None,
            &[view] => {
                let view = tree.items_of(view, Shape::Tuple);
                let Some(&[_, offset, numel]) = view else {
                    return Err(Refusal::Persistent);
                };
                let view = bytes(offset).zip(bytes(numel));
                Some(view.ok_or(Refusal::Persistent)?)
            }
            _ => return Err(Refusal::Persistent),
        };
        Ok(Self {
            key: tree.text(key).ok_or(Refusal::Persistent)?,
            dtype,
            bytes: bytes(numel).ok_or(Refusal::Persistent)?,
            view,
            untyped: &*class.path == "UntypedStorage",
        })
    }
}

/// Whether calling this gives a tensor.
fn rebuilds(symbol: &Symbol) -> bool {
    match &*symbol.module {
        "torch._utils" => symbol.path.starts_with("_rebuild_"),
        // torch reads the one as the other.
        "torch._tensor" | "torch.tensor" => symbol.path.starts_with("_rebuild_from_type"),
        "torch.storage" => &*symbol.path == "_load_from_bytes",
        _ => false,
    }
}

fn rebuild_call(tree: &Tree<'_>, called: &Called, depth: u8) -> Result<Tensor, Refusal> {
    let callee = tree.global(called.callee).ok_or(Refusal::Called)?;
    let arguments = tree.items_of(called.arguments, Shape::Tuple);
    let keywords = called.keywords.is_some();
    let changed = !called.states.is_empty() || !called.items.is_empty();
    if keywords || changed || called.array.is_some() {
        return Err(Refusal::Malformed("it is changed after it is made"));
    }
    rebuild(tree, callee, arguments.ok_or(MALFORMED)?, depth)
}

/// What `callee(*arguments)` gives.
fn rebuild(
    tree: &Tree<'_>,
    callee: &Symbol,
    arguments: &[Id],
    depth: u8,
) -> Result<Tensor, Refusal> {
    let depth = depth.checked_sub(1).ok_or(Refusal::Depth)?;
    match &*callee.path {
        "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_tensor_v3" => {
            rebuild_view(tree, arguments, &callee.path)
        }
        "_rebuild_parameter" | "_rebuild_parameter_with_state" => {
            rebuild_parameter(tree, arguments, &callee.path, depth)
        }
        "_rebuild_from_type" | "_rebuild_from_type_v2" => rebuild_as(tree, arguments, depth),
        "_rebuild_device_tensor_from_numpy"
        | "_rebuild_xla_tensor"
        | "_rebuild_device_tensor_from_cpu_tensor" => {
            rebuild_on_device(tree, callee, arguments, depth)
        }
        "_rebuild_sparse_tensor" | "_rebuild_sparse_csr_tensor" => Err(Refusal::Sparse),
        "_rebuild_qtensor" => Err(Refusal::Quantized),
        "_rebuild_nested_tensor" => Err(Refusal::Nested),
        "_rebuild_meta_tensor_no_storage" => Err(Refusal::Meta),
        "_load_from_bytes" => Err(Refusal::Nesting),
        "_rebuild_wrapper_subclass" => match arguments {
            &[class, ..] => {
                let class = tree.global(class).ok_or(MALFORMED)?;
                Err(Refusal::Subclass(class.dotted()))
            }
            [] => Err(Refusal::Object(callee.dotted())),
        },
        _ => Err(Refusal::Object(callee.dotted())),
    }
}

/// A view of a storage; since the second version with what else torch keeps of a tensor, in the
/// third with a dtype that no class of storages has.
fn rebuild_view(tree: &Tree<'_>, arguments: &[Id], version: &str) -> Result<Tensor, Refusal> {
    let (&[storage, offset, size, stride], rest) =
        arguments.split_first_chunk().ok_or(MALFORMED)?;
    let dtype = match (version, rest) {
        ("_rebuild_tensor", []) => None,
        ("_rebuild_tensor_v2", &[gradient, hooks, ref more @ ..]) => {
            plain_rest(tree, gradient, hooks, more)?;
            None
        }
        ("_rebuild_tensor_v3", &[gradient, hooks, dtype, ref more @ ..]) => {
            plain_rest(tree, gradient, hooks, more)?;
            Some(torch_dtype(tree, dtype)?)
        }
        _ => return Err(MALFORMED),
    };
    view(tree, storage, offset, size, stride, dtype)
}

fn rebuild_parameter(
    tree: &Tree<'_>,
    arguments: &[Id],
    version: &str,
    depth: u8,
) -> Result<Tensor, Refusal> {
    let (&[data, gradient, hooks], state) = arguments.split_first_chunk().ok_or(MALFORMED)?;
    plain_rest(tree, gradient, hooks, &[])?;
    match (version, state) {
        ("_rebuild_parameter", []) => {}
        ("_rebuild_parameter_with_state", &[state]) => is_plain(tree, state)?,
        _ => return Err(MALFORMED),
    }
    rebuild_inner(tree, data, depth)
}

/// A tensor of a class, which `function(*tuple)` rebuilds.
fn rebuild_as(tree: &Tree<'_>, arguments: &[Id], depth: u8) -> Result<Tensor, Refusal> {
    let &[function, class, tuple, state] = arguments else {
        return Err(MALFORMED);
    };
    let class = tree.global(class).ok_or(MALFORMED)?;
    if !is_tensor_class(class) {
        return Err(Refusal::Subclass(class.dotted()));
    }
    is_plain(tree, state)?;
    let function = tree.global(function).filter(|function| rebuilds(function));
    let arguments = tree.items_of(tuple, Shape::Tuple);
    let (function, arguments) = function.zip(arguments).ok_or(MALFORMED)?;
    rebuild(tree, function, arguments, depth)
}

/// A tensor of another device, from an array or from a tensor of this one.
fn rebuild_on_device(
    tree: &Tree<'_>,
    callee: &Symbol,
    arguments: &[Id],
    depth: u8,
) -> Result<Tensor, Refusal> {
    let &[data, dtype, device, gradient] = arguments else {
        return Err(Refusal::Object(callee.dotted()));
    };
    requires_grad(tree, gradient)?;
    let tensor = match &*callee.path {
        "_rebuild_device_tensor_from_cpu_tensor" => rebuild_inner(tree, data, depth)?,
        _ => numpy::array(tree, data).ok_or(MALFORMED)??,
    };
    of_dtype(tree, tensor, dtype, device)
}

/// The tensor that another one is made of.
fn rebuild_inner(tree: &Tree<'_>, id: Id, depth: u8) -> Result<Tensor, Refusal> {
    let called = tree.called(id).ok_or(MALFORMED)?;
    rebuild_call(tree, called, depth)
}

/// A view of a storage.
fn view(
    tree: &Tree<'_>,
    storage: Id,
    offset: Id,
    size: Id,
    stride: Id,
    dtype: Option<Dtype>,
) -> Result<Tensor, Refusal> {
    let persistent = Persistent::read(tree, storage)?;
    if dtype.is_none() && persistent.untyped {
        return Err(MALFORMED);
    }
    let dtype = dtype.unwrap_or(persistent.dtype);
    let numbers = |id| numbers(tree, id).ok_or(MALFORMED);
    let (shape, strides) = (numbers(size)?, numbers(stride)?);
    let offset = natural(tree, offset).ok_or(MALFORMED)?;
    let (from, len) = persistent.view.unwrap_or((0, persistent.bytes));
    let end = from.checked_add(len).ok_or(MALFORMED)?;
    if end > persistent.bytes {
        let has = persistent.bytes;
        return Err(Refusal::Short { needs: end, has });
    }
    if from % dtype.size() != 0 {
        return Err(MALFORMED);
    }
    let offset = offset.checked_add(from / dtype.size()).ok_or(MALFORMED)?;
    let storage = Storage {
        place: Place::Key(persistent.key),
        len: end,
        dtype: Some(persistent.dtype),
        big_endian: false,
    };
    Tensor::new(dtype, shape, strides, offset, storage)
}

/// A tensor that is given a dtype and a device. A conversion would change its elements.
fn of_dtype(tree: &Tree<'_>, tensor: Tensor, dtype: Id, device: Id) -> Result<Tensor, Refusal> {
    if torch_dtype(tree, dtype)? == tensor.dtype() {
        return Ok(tensor);
    }
    let device = tree.text(device).ok_or(MALFORMED)?;
    Err(Refusal::Device(device))
}

fn requires_grad(tree: &Tree<'_>, gradient: Id) -> Result<(), Refusal> {
    match tree.node(gradient) {
        Node::Bool(_) => Ok(()),
        _ => Err(MALFORMED),
    }
}

/// What else a tensor is rebuilt with: nothing that would change its elements.
fn plain_rest(tree: &Tree<'_>, gradient: Id, hooks: Id, more: &[Id]) -> Result<(), Refusal> {
    requires_grad(tree, gradient)?;
    if more.len() > 1 {
        return Err(MALFORMED);
    }
    let no_hooks = match tree.node(hooks) {
        Node::None => true,
        Node::Container { items, .. } => items.is_empty(),
        Node::Called(called) => {
            let class = tree.class(hooks).map(Symbol::dotted);
            class.as_deref() == Some("collections.OrderedDict")
                && called.items.is_empty()
                && called.states.is_empty()
        }
        _ => false,
    };
    if !no_hooks {
        return Err(Refusal::Malformed("it has hooks"));
    }
    let Some(&metadata) = more.first() else {
        return Ok(());
    };
    match tree.node(metadata) {
        Node::None => Ok(()),
        // Whether it is conjugated, whether it is negated.
        Node::Container {
            shape: Shape::Dict,
            items,
        } => {
            let mut flags = items.chunks_exact(2).map(|pair| tree.node(pair[1]));
            match flags.all(|flag| matches!(flag, Node::Bool(false))) {
                true => Ok(()),
                false => Err(Refusal::Lazy),
            }
        }
        _ => Err(MALFORMED),
    }
}

/// Whether the attributes of a tensor are plain values.
fn is_plain(tree: &Tree<'_>, state: Id) -> Result<(), Refusal> {
    let mut pending = vec![state];
    let mut left = MOST_ATTRIBUTES;
    while let Some(id) = pending.pop() {
        left -= 1;
        match tree.node(id) {
            Node::Container { items, .. } if items.len() <= left => pending.extend(items),
            Node::None | Node::Bool(_) | Node::Int(_) | Node::BigInt(_) => {}
            Node::Float(_) | Node::Text { .. } | Node::Bytes { .. } => {}
            _ => {
                return Err(Refusal::Malformed(
                    "it has attributes that are no plain values",
                ));
            }
        }
        if left == 0 {
            return Err(Refusal::Malformed("it has too many attributes"));
        }
    }
    Ok(())
}

/// Whether an object of this class has the elements of a tensor, and nothing to be rebuilt with.
fn is_tensor_class(class: &Symbol) -> bool {
    let (module, path) = (&*class.module, &*class.path);
    matches!(
        (module, path),
        ("torch" | "torch._tensor" | "torch.tensor", "Tensor")
            | ("torch.nn.parameter", "Parameter" | "Buffer")
    )
}

fn torch_dtype(tree: &Tree<'_>, id: Id) -> Result<Dtype, Refusal> {
    let symbol = tree.global(id).ok_or(MALFORMED)?;
    let dtype = Dtype::of_torch(&symbol.path).filter(|_| &*symbol.module == "torch");
    dtype.ok_or_else(|| Refusal::Dtype(symbol.dotted()))
}

/// A tuple of natural numbers, or a `torch.Size` of one.
pub(crate) fn numbers(tree: &Tree<'_>, id: Id) -> Option<Vec<u64>> {
    let tuple = match tree.called(id) {
        Some(called) => {
            let callee = tree.global(called.callee)?;
            let is_size = (&*callee.module, &*callee.path) == ("torch", "Size");
            let untouched = called.states.is_empty() && called.items.is_empty();
            let &[tuple] = tree.items_of(called.arguments, Shape::Tuple)? else {
                return None;
            };
            Some(tuple).filter(|_| is_size && untouched)?
        }
        None => id,
    };
    let items = tree
        .items_of(tuple, Shape::Tuple)
        .or_else(|| tree.items_of(tuple, Shape::List))?;
    if items.len() > super::MOST_DIMENSIONS {
        return None;
    }
    items.iter().map(|&item| natural(tree, item)).collect()
}

/// The name of a `torch.device`.
pub(crate) fn device(tree: &Tree<'_>, id: Id) -> Option<String> {
    let called = tree.called(id)?;
    let callee = tree.global(called.callee)?;
    if (&*callee.module, &*callee.path) != ("torch", "device") || !called.states.is_empty() {
        return None;
    }
    match *tree.items_of(called.arguments, Shape::Tuple)? {
        [kind] => tree.text(kind),
        [kind, index] => Some(format!("{}:{}", tree.text(kind)?, natural(tree, index)?)),
        _ => None,
    }
}

fn natural(tree: &Tree<'_>, id: Id) -> Option<u64> {
    u64::try_from(tree.int(id)?).ok()
}

const MALFORMED: Refusal = Refusal::Malformed("it is called with other arguments");
/// How many tensors may be made of each other.
const DEEPEST: u8 = 8;
const MOST_ATTRIBUTES: usize = 10_000;
