//! Machine code and byte code.

use casemate_container::sniff::Magic;
use casemate_core::{AssetKind, Class};

use super::{class, head::Head};

pub(super) fn classify(head: &Head<'_>) -> Option<Class> {
    let is_code = matches!(
        head.magic,
        Magic::Elf | Magic::Pe | Magic::MachO | Magic::JavaClass | Magic::Wasm | Magic::Pyc
    );
    is_code.then_some(class(AssetKind::Executable, head.magic.as_str()))
}
