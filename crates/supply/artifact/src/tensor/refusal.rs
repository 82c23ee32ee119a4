//! Why something in a file is not converted.

/// A reason, as the predicate of a sentence about an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("an object of {0}, which is neither a tensor nor a container")]
    Object(String),
    #[error("an import of {0}, which is no value")]
    Import(String),
    #[error("an object of {0}, which is not on the allowlist")]
    NotAllowed(String),
    #[error("what something gives that is no plain import when it is called")]
    Called,
    #[error("a sparse tensor, which safetensors cannot hold; make it dense first")]
    Sparse,
    #[error("a quantized tensor, whose scales safetensors cannot hold")]
    Quantized,
    #[error("a nested tensor, which has no shape")]
    Nested,
    #[error("a tensor on the meta device, which has no elements")]
    Meta,
    #[error("a tensor of a class of its own, {0}, which only its library can rebuild")]
    Subclass(String),
    #[error("a tensor that is conjugated or negated only when it is read")]
    Lazy,
    #[error("a tensor of another device, {0}, which is rebuilt by way of a conversion")]
    Device(String),
    #[error("a tensor pickled without `torch.save`, which holds a checkpoint of its own")]
    Nesting,
    #[error("a storage and no tensor, so that its shape and dtype are not known")]
    Storage,
    #[error("a persistent id, which is no storage of torch's")]
    Persistent,
    #[error("of the dtype {0}, which safetensors does not have")]
    Dtype(String),
    #[error("of the dtype {0} in big-endian order, which torch does not turn around")]
    Order(&'static str),
    #[error("larger than its storage: it takes {needs} bytes of {has}")]
    Short { needs: u64, has: u64 },
    #[error("a view of the storage {0}, which is not in the file")]
    Missing(String),
    #[error("a view of the storage {key}, which has {has} bytes where {says} are said")]
    Size { key: String, says: u64, has: u64 },
    #[error("a view of the storage {0}, whose size is said in two ways")]
    Sizes(String),
    #[error("a view of {0}, which cannot be read: {1}")]
    Unreadable(String, String),
    #[error("not as its library writes it: {0}")]
    Malformed(&'static str),
    #[error("an array of objects, which is a pickle")]
    Objects,
    #[error("an array of text, which safetensors cannot hold")]
    Text,
    #[error("a structured array, which safetensors cannot hold")]
    Structured,
    #[error("an array of dates or durations, which safetensors cannot hold")]
    Time,
    #[error("under a key that is neither text nor an integer")]
    Key,
    #[error("under a name that another entry has too")]
    Collision,
    #[error("under a name that is no text, or longer than {0} bytes")]
    Name(usize),
    #[error("under the name that safetensors has for metadata")]
    Reserved,
    #[error("nested too deeply, or in itself")]
    Depth,
    #[error("a value of {0} bytes, which is too long for metadata")]
    Long(u64),
    #[error("a value beyond all that metadata can hold")]
    Metadata,
    #[error("{0}, which is no value that metadata can hold")]
    Plain(&'static str),
    #[error("{bytes} bytes, far more than its storage has")]
    Swollen { bytes: u64 },
    #[error("no array of NumPy's")]
    NotAnArray,
}
