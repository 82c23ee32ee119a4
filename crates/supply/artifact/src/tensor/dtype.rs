//! What the elements of a tensor are, and what the libraries call that.

/// The type of an element.
///
/// The order is that of safetensors' `Dtype`, which lays tensors out by it, the last one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Dtype {
    Bool,
    /// Two numbers of four bits in a byte, which torch counts as one element and safetensors as
    /// two.
    F4x2,
    U8,
    I8,
    F8E5M2,
    F8E4M3,
    F8E8M0,
    F8E4M3Fnuz,
    F8E5M2Fnuz,
    I16,
    U16,
    F16,
    Bf16,
    I32,
    U32,
    F32,
    C64,
    F64,
    I64,
    U64,
    /// Two halves. Safetensors has no such type.
    C32,
    /// Two doubles. Safetensors has no such type.
    C128,
}

impl Dtype {
    /// By its name in torch, without the module.
    pub(crate) fn of_torch(name: &str) -> Option<Self> {
        // torch's older names for the same types.
        let name = match name {
            "double" => "float64",
            "float" => "float32",
            "half" => "float16",
            "long" => "int64",
            "int" => "int32",
            "short" => "int16",
            "cdouble" => "complex128",
            "cfloat" => "complex64",
            "chalf" => "complex32",
            name => name,
        };
        by(name, |row| row.torch)
    }

    /// By its name in a safetensors header.
    pub(crate) fn of_safetensors(name: &str) -> Option<Self> {
        by(name, |row| row.safetensors)
    }

    /// By the name of the class of storages that have no other elements, from torch's
    /// `_dtype_to_storage_type_map`. Quantized ones are left out.
    pub(crate) fn of_storage(class: &str) -> Option<Self> {
        Some(match class {
            "DoubleStorage" => Self::F64,
            "FloatStorage" => Self::F32,
            "HalfStorage" => Self::F16,
            "LongStorage" => Self::I64,
            "IntStorage" => Self::I32,
            "ShortStorage" => Self::I16,
            "CharStorage" => Self::I8,
            "ByteStorage" | "UntypedStorage" => Self::U8,
            "BoolStorage" => Self::Bool,
            "BFloat16Storage" => Self::Bf16,
            "ComplexDoubleStorage" => Self::C128,
            "ComplexFloatStorage" => Self::C64,
            _ => return None,
        })
    }

    /// By NumPy's code, a letter and a size, and whether the big end of an element comes first.
    pub(crate) fn of_numpy(code: &str) -> Option<(Self, bool)> {
        let (big_endian, code) = match code.as_bytes().first()? {
            b'>' => (true, &code[1..]),
            b'<' | b'=' | b'|' => (false, &code[1..]),
            _ => (false, code),
        };
        let code = match code {
            "?" => "b1",
            code => code,
        };
        by(code, |row| row.numpy).map(|dtype| (dtype, big_endian))
    }

    /// How many bytes an element takes.
    pub(crate) fn size(self) -> u64 {
        self.row().size
    }

    /// How many bytes are turned around where the byte order is another one.
    pub(crate) fn unit(self) -> u64 {
        match self {
            Self::C32 | Self::C64 | Self::C128 => self.size() / 2,
            _ => self.size(),
        }
    }

    /// The name in torch, without the module; nothing where torch has no such type.
    pub(crate) fn torch(self) -> &'static str {
        self.row().torch
    }

    /// The name in a safetensors header, for a type that safetensors has.
    pub(crate) fn safetensors(self) -> Option<&'static str> {
        Some(self.row().safetensors).filter(|name| !name.is_empty())
    }

    fn row(self) -> &'static Row {
        // The table is in the order of the variants, which a test keeps.
        &TABLE[self as usize]
    }
}

fn by(name: &str, column: impl Fn(&Row) -> &'static str) -> Option<Dtype> {
    let mut rows = TABLE.iter();
    let found = rows.find(|row| !name.is_empty() && column(row) == name)?;
    Some(found.dtype)
}

struct Row {
    dtype: Dtype,
    size: u64,
    torch: &'static str,
    safetensors: &'static str,
    /// Without the byte order; empty where NumPy has no such type.
    numpy: &'static str,
}

const fn row(
    dtype: Dtype,
    size: u64,
    torch: &'static str,
    safetensors: &'static str,
    numpy: &'static str,
) -> Row {
    Row {
        dtype,
        size,
        torch,
        safetensors,
        numpy,
    }
}

static TABLE: &[Row] = &[
    row(Dtype::Bool, 1, "bool", "BOOL", "b1"),
    row(Dtype::F4x2, 1, "float4_e2m1fn_x2", "F4", ""),
    row(Dtype::U8, 1, "uint8", "U8", "u1"),
    row(Dtype::I8, 1, "int8", "I8", "i1"),
    row(Dtype::F8E5M2, 1, "float8_e5m2", "F8_E5M2", ""),
    row(Dtype::F8E4M3, 1, "float8_e4m3fn", "F8_E4M3", ""),
    row(Dtype::F8E8M0, 1, "float8_e8m0fnu", "F8_E8M0", ""),
    row(Dtype::F8E4M3Fnuz, 1, "float8_e4m3fnuz", "F8_E4M3FNUZ", ""),
    row(Dtype::F8E5M2Fnuz, 1, "float8_e5m2fnuz", "F8_E5M2FNUZ", ""),
    row(Dtype::I16, 2, "int16", "I16", "i2"),
    row(Dtype::U16, 2, "uint16", "U16", "u2"),
    row(Dtype::F16, 2, "float16", "F16", "f2"),
    row(Dtype::Bf16, 2, "bfloat16", "BF16", ""),
    row(Dtype::I32, 4, "int32", "I32", "i4"),
    row(Dtype::U32, 4, "uint32", "U32", "u4"),
    row(Dtype::F32, 4, "float32", "F32", "f4"),
    row(Dtype::C64, 8, "complex64", "C64", "c8"),
    row(Dtype::F64, 8, "float64", "F64", "f8"),
    row(Dtype::I64, 8, "int64", "I64", "i8"),
    row(Dtype::U64, 8, "uint64", "U64", "u8"),
    row(Dtype::C32, 4, "complex32", "", ""),
    row(Dtype::C128, 16, "complex128", "", "c16"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_types() {
        for (place, row) in TABLE.iter().enumerate() {
            assert_eq!(row.dtype as usize, place);
        }
    }

    #[test]
    fn each_library_has_its_own_names() {
        assert_eq!(Dtype::of_torch("half"), Some(Dtype::F16));
        assert_eq!(Dtype::of_torch("qint8"), None);
        assert_eq!(Dtype::of_safetensors("F8_E4M3"), Some(Dtype::F8E4M3));
        assert_eq!(Dtype::of_safetensors(""), None);
        assert_eq!(Dtype::of_numpy(">f8"), Some((Dtype::F64, true)));
        assert_eq!(Dtype::of_numpy("|b1"), Some((Dtype::Bool, false)));
        assert_eq!(Dtype::of_numpy("?"), Some((Dtype::Bool, false)));
        for unknown in ["", "<", "<U3", "|O", "<M8[ns]", "é", "<f16"] {
            assert_eq!(Dtype::of_numpy(unknown), None, "{unknown}");
        }
        assert_eq!(Dtype::C64.unit(), 4);
        assert_eq!(Dtype::C128.safetensors(), None);
    }
}
