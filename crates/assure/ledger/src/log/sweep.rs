//! What lies beyond the checkpoint.

use super::{HISTORY, LogError, io_error, read::told};
use crate::{
    disk::{Disk, TEMPORARY},
    tile::{self, Tile},
};

/// Removes what an interrupted append left: files under temporary names, tiles and heads beyond the
/// checkpoint of `size` entries, and partial tiles that full ones have replaced.
pub(super) fn sweep(disk: &impl Disk, size: u64) -> Result<(), LogError> {
    let mut dirs: Vec<&str> = Vec::new();
    let found = [
        files(disk, "tile")?,
        files(disk, HISTORY)?,
        files_of_root(disk)?,
    ]
    .concat();
    for path in &found {
        let is_left = match path.parse::<Tile>() {
            Ok(tile) => Tile::of(tile.kind, tile.index, size)
                .is_none_or(|now| now.width < tile.width || is_replaced(tile, now)),
            Err(_) => {
                let digits = path.strip_prefix("history/").and_then(tile::index);
                path.ends_with(TEMPORARY) || digits.is_some_and(|head| head > size)
            }
        };
        if is_left {
            disk.remove(path).map_err(told(path))?;
            let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir);
            if !dirs.contains(&dir) {
                dirs.push(dir);
            }
        }
    }
    for dir in dirs {
        let synced = disk.sync_dir(dir);
        synced.map_err(|error| io_error((dir.to_owned(), error)))?;
    }
    Ok(())
}

/// Whether a partial tile has a full one in its place.
fn is_replaced(tile: Tile, now: Tile) -> bool {
    tile.width < tile::WIDTH && now.width == tile::WIDTH
}

/// Every file below a directory. Logs nest as deep as their numbers have groups, and no deeper is
/// looked.
pub(super) fn files(disk: &impl Disk, dir: &str) -> Result<Vec<String>, LogError> {
    let (mut files, mut dirs) = (Vec::new(), vec![(dir.to_owned(), 0)]);
    while let Some((dir, depth)) = dirs.pop() {
        for (name, is_dir) in disk.list(&dir).map_err(told(&dir))? {
            let path = format!("{dir}/{name}");
            match is_dir {
                true if depth < DEPTH => dirs.push((path, depth + 1)),
                true => {}
                false => files.push(path),
            }
        }
    }
    files.sort();
    Ok(files)
}

fn files_of_root(disk: &impl Disk) -> Result<Vec<String>, LogError> {
    let names = disk.list("").map_err(told(""))?;
    let files = names.into_iter().filter(|(_, is_dir)| !is_dir);
    Ok(files.map(|(name, _)| name).collect())
}

/// Kind, seven groups of digits, and the widths.
const DEPTH: usize = 9;
