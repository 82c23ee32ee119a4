//! Arrays under the names of their members.

use std::{collections::BTreeSet, io};

use casemate_container::{Contents, Member};

use super::{ConvertError, Found, NUMPY, Opened, Thing, members};
use crate::{
    convert::bytes::{Bytes, is_of_the_medium},
    tensor::{Place, Refusal, npy},
};

pub(super) fn open<'a>(contents: &Contents<'a>) -> Result<Opened<'a>, ConvertError> {
    let mut found = Vec::new();
    let mut arrays = 0;
    for member in members(contents) {
        let name = member.name.as_str();
        let short = name.strip_suffix(".npy");
        arrays += usize::from(short.is_some());
        let thing = match short {
            None => Thing::Refused(Refusal::NotAnArray),
            Some(_) => array(member)?,
        };
        found.push(Found {
            name: short.unwrap_or(name).to_owned(),
            thing,
        });
    }
    if arrays == 0 {
        return Err(ConvertError::Format(contents.format));
    }
    Ok(Opened {
        framework: Some(NUMPY),
        described_in: None,
        explained: BTreeSet::new(),
        found,
    })
}

fn array<'a>(member: &Member<'a>) -> io::Result<Thing<'a>> {
    let unreadable = |why| {
        let name = member.name.as_str().to_owned();
        Thing::Refused(Refusal::Unreadable(name, why))
    };
    let bytes = match Bytes::of_member(member)? {
        Ok(bytes) => bytes,
        Err(why) => return Ok(unreadable(why)),
    };
    let tensor = bytes.with(|source| {
        let mut magic = [0; 6];
        source.read_at(0, &mut magic)?;
        if magic != *b"\x93NUMPY" {
            return Ok(Err(Refusal::NotAnArray));
        }
        npy::tensor(source)
    });
    let tensor = match tensor {
        Err(error) if !is_of_the_medium(&error) => return Ok(unreadable(error.to_string())),
        tensor => tensor?,
    };
    Ok(match tensor {
        Ok(tensor) => {
            let bytes = match tensor.storage().place {
                Place::Extent { at, len } => bytes.part(at, len),
                _ => bytes,
            };
            Thing::Tensor(tensor, bytes)
        }
        Err(refusal) => Thing::Refused(refusal),
    })
}
