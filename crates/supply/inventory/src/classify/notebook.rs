//! Jupyter notebooks.

use casemate_core::{AssetKind, Class};
use memchr::memmem;

use super::{class, head::Head};

/// The format's own number stands at the end, which may be far away; cells stand at the beginning
/// (nbformat 4), or worksheets (nbformat 3).
pub(super) fn classify(head: &Head<'_>) -> Option<Class> {
    let json = head.json()?;
    let has_number = json.has(&["nbformat"]) && (json.has(&["cells"]) || json.has(&["worksheets"]));
    let has_cells = || {
        let cell = b"\"cell_type\"";
        json.has(&["cells"]) && memmem::find(&head.bytes, cell).is_some()
    };
    let is_notebook = has_number || has_cells();
    is_notebook.then_some(class(AssetKind::Notebook, "notebook"))
}
