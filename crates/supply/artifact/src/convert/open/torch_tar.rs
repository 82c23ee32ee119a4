//! What torch wrote before version 0.1.10: a tar of storages, of tensors and of the object that
//! asks for them.

use casemate_container::{Contents, Member};

use super::{ConvertError, Here, Opened, TORCH, Terms, broken, entries, located, members};
use crate::{
    convert::bytes::{Around, Bytes},
    formats,
    pickle::tree::Tree,
    tensor::{
        Place, Refusal,
        torch_tar::{Fault, Objects},
    },
};

pub(super) fn open<'a>(
    contents: &Contents<'a>,
    terms: Terms<'_>,
) -> Result<Opened<'a>, ConvertError> {
    if !formats::torch_tar::is_checkpoint(contents) {
        return Err(ConvertError::Format(contents.format));
    }
    let storages = only(contents, "storages")?;
    let held = Around::loaded(storages.load().map_err(broken)?);
    let tensors = Around::loaded(only(contents, "tensors")?.load().map_err(broken)?);
    let object = only(contents, "pickle")?;
    let around = Around::loaded(object.load().map_err(broken)?);
    let objects = match Objects::read(held.source(), tensors.source()) {
        Ok(objects) => objects,
        Err(Fault::Medium(error)) => return Err(error.into()),
        Err(Fault::Says(why)) => return Err(ConvertError::Broken(why)),
        Err(Fault::Forged(why)) => return Err(ConvertError::Broken(why.to_owned())),
    };
    let tree = Tree::read(around.source(), 0)?;
    let (entries, explained) = entries(&tree, Some(&objects), terms)?;
    drop(tree);
    let mut here = Here::new(around);
    let found = located(entries, |place| match place {
        Place::Key(key) => {
            let extent = objects.extent(key);
            let extent = extent.ok_or_else(|| Refusal::Missing(key.clone()))?;
            Ok::<Bytes<'a>, Refusal>(held.extent(extent.at, extent.len))
        }
        _ => here.find(place),
    });
    Ok(Opened {
        framework: Some(TORCH),
        described_in: Some(object.name.as_str().to_owned()),
        explained,
        found,
    })
}

/// The member of this name. Readers of a tar do not agree which of several it is.
fn only<'c, 'a>(contents: &'c Contents<'a>, name: &str) -> Result<&'c Member<'a>, ConvertError> {
    let mut named = members(contents).filter(|member| member.name.as_str() == name);
    match (named.next(), named.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(ConvertError::Broken(format!(
            "its member {name} is there twice, or has no bytes"
        ))),
    }
}
