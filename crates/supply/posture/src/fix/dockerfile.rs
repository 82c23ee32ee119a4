//! Edits of Dockerfiles that leave everything else as it is.

use casemate_document::Span;

use super::{Edit, Repair};
use crate::{
    Cursor, Resource,
    check::{Deed, Found, is_root, options, place, text, users},
    shell::{Shell, commands},
};

/// The edit that makes `repair` of `found`, which stands in `file`.
pub(super) fn edit(repair: Repair, found: &Found, file: &Resource) -> Result<Edit, String> {
    let path = found.attribute.path.as_str();
    let (way, part) = path.split_once(' ').unwrap_or((path, ""));
    let at = file.find(way);
    let (span, text) = match repair {
        Repair::WithoutFlag => without_flag(&at, part),
        Repair::WithoutOptions(deed) => without_options(deed, &at, found),
        Repair::FormerUser => former_user(file, &at),
        Repair::Set(_) | Repair::SetBelow(..) => {
            Err("nothing of a build is set to a value".to_owned())
        }
    }?;
    Ok(Edit {
        file: at.origin().file.clone(),
        span,
        text,
    })
}

/// The first of the instruction's words that is `flag`: options stand before everything else.
fn without_flag(at: &Cursor<'_>, flag: &str) -> Result<(Span, String), String> {
    let (span, all) = (at.origin().span, &*at.origin().file.text);
    let (from, _) = span
        .of(all)
        .match_indices(flag)
        .next()
        .ok_or("a variable gives it")?;
    let start = span.start as usize + from;
    Ok((
        gap(all, Span::new(start, start + flag.len()))?,
        String::new(),
    ))
}

fn without_options(deed: Deed, at: &Cursor<'_>, found: &Found) -> Result<(Span, String), String> {
    let (attr, script) = text(at).ok_or("its script was not found again")?;
    let mut commands = commands(script, Shell::Posix).into_iter();
    let is_it = |span| place(attr, script, span).span == found.attribute.origin.span;
    let command = commands.find(|it| is_it(it.span.clone()));
    let command = command.ok_or("its command was not found again")?;
    let all = &*at.origin().file.text;
    let mut changes = Vec::new();
    for (word, left) in options(deed, &command) {
        let written = place(attr, script, word.span.clone()).span;
        if Some(written.of(all)) != script.get(word.span.clone()) {
            return Err("its option is not written there as it is".to_owned());
        }
        changes.push(match left.as_str() {
            "" => (gap(all, written)?, left),
            _ if written.of(all) == word.text => (written, left),
            _ => return Err("its option is quoted".to_owned()),
        });
    }
    joined(all, changes).ok_or_else(|| "nothing that is written there does it".to_owned())
}

/// Several changes of `text` as one.
fn joined(text: &str, mut changes: Vec<(Span, String)>) -> Option<(Span, String)> {
    changes.sort_by_key(|(span, _)| *span);
    let (start, mut at) = (changes.first()?.0.start, changes.first()?.0.start);
    let mut put = String::new();
    for (span, left) in &changes {
        put.push_str(text.get(at as usize..span.start as usize)?);
        put.push_str(left);
        at = span.end;
    }
    Some((Span::new(start as usize, at as usize), put))
}

/// The user that the stage has named before it became root, behind everything else.
fn former_user(file: &Resource, root: &Cursor<'_>) -> Result<(Span, String), String> {
    let stages = file.at("stages").items();
    let last = stages.last().ok_or("there is no stage")?;
    let named = users(&stages, last);
    let mut names: Vec<String> = Vec::new();
    for user in named {
        let name = user
            .get("words")
            .items()
            .first()
            .and_then(|it| it.text().ok());
        let name = name.ok_or("who its other users are is not known")?;
        if !is_root(&name) && !names.contains(&name) {
            names.push(name);
        }
    }
    let [name] = names.as_slice() else {
        let why = match names.len() {
            0 => "it names no other user, and which there are is not known",
            _ => "it names several other users",
        };
        return Err(why.to_owned());
    };
    let behind = last.get("instructions").items();
    let behind = behind.last().unwrap_or(root).origin();
    let (end, text) = (behind.span.end as usize, &behind.file.text);
    let newline = if text[end..].starts_with("\r\n") || text[..end].contains("\r\n") {
        "\r\n"
    } else {
        "\n"
    };
    Ok((Span::new(end, end), format!("{newline}USER {name}")))
}

/// What goes where `word` goes: the white space before it too, or all of its line where it has one for
/// itself, or its place in a list.
fn gap(text: &str, word: Span) -> Result<Span, String> {
    let (start, end) = (word.start as usize, word.end as usize);
    let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let before = &text[line..start];
    let after = text[end..].split('\n').next().unwrap_or_default();
    if before.ends_with('"') && after.starts_with('"') {
        let list = before[..before.len() - 1].trim_end_matches([' ', '\t']);
        let comma = list
            .strip_suffix(',')
            .ok_or("it stands in a list of several lines")?;
        return Ok(Span::new(line + comma.len(), end + 1));
    }
    let ends = |c: char| c.is_whitespace() || ";|&)".contains(c);
    let is_apart = (before.is_empty() || before.ends_with([' ', '\t']))
        && after.chars().next().is_none_or(ends);
    if !is_apart {
        return Err("it is part of a longer word".to_owned());
    }
    if !before.trim().is_empty() {
        return Ok(Span::new(line + before.trim_end().len(), end));
    }
    match after.trim() {
        // The line goes on, and the one before it then goes on with the next.
        "\\" | "`" => Ok(Span::new(line, text.len().min(end + after.len() + 1))),
        "" => {
            let above = text[..line].trim_end();
            let is_comment = above
                .rsplit('\n')
                .next()
                .is_some_and(|it| it.trim().starts_with('#'));
            let above = above.strip_suffix(['\\', '`']).filter(|_| !is_comment);
            let above = above.ok_or("the line before it does not go on")?;
            Ok(Span::new(above.trim_end().len(), end))
        }
        _ => Ok(Span::new(
            start,
            end + after.len() - after.trim_start().len(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use casemate_core::PathText;

    use crate::{
        PostureSurvey,
        check::Persona,
        fix::{Fixed, fix},
        survey::tests::file,
    };

    fn fixed(text: &str) -> Fixed {
        let files = [Arc::new(file("Dockerfile", text))];
        fix(&PostureSurvey::new(Persona::Auditor), &files, |_| true)
    }

    /// Claims that each text becomes the one beside it.
    fn assert_repaired(cases: &[(&str, &str)]) {
        for (before, after) in cases {
            let fixed = fixed(before);
            let change = fixed.files.get(&PathText::from("Dockerfile"));
            let text = change.map(|it| &*it.text);
            assert_eq!(
                text,
                Some(*after),
                "{:?}",
                fixed.left.iter().map(|it| &it.1).collect::<Vec<_>>()
            );
            assert!(fixed.left.is_empty(), "{before}: {}", fixed.left[0].1);
        }
    }

    #[test]
    fn options_go_and_everything_else_stays() {
        assert_repaired(&[
            (
                "FROM a\nRUN curl -k https://x -o y  # why\n",
                "FROM a\nRUN curl https://x -o y  # why\n",
            ),
            (
                "FROM a\nRUN curl -fsSLk https://x | tee y\n",
                "FROM a\nRUN curl -fsSL https://x | tee y\n",
            ),
            (
                "FROM a\nRUN make  &&  sudo -E wget  --no-check-certificate; x\n",
                "FROM a\nRUN make  &&  sudo -E wget; x\n",
            ),
            (
                "FROM a\nRUN apt-get install -y --allow-unauthenticated b \\\n && curl --insecure -k c\n",
                "FROM a\nRUN apt-get install -y b \\\n && curl c\n",
            ),
            (
                "FROM a\nCMD [\"jupyter\", \"lab\", \"--ServerApp.token=\", \"--ip=x\"]\n",
                "FROM a\nCMD [\"jupyter\", \"lab\", \"--ip=x\"]\n",
            ),
            (
                "FROM a\nRUN --mount=type=cache,target=/b --network=host make --network=host\n",
                "FROM a\nRUN --mount=type=cache,target=/b make --network=host\n",
            ),
            (
                "FROM a\nRUN --network=host --security=insecure make\n",
                "FROM a\nRUN make\n",
            ),
        ]);
    }

    #[test]
    fn lines_that_go_on_still_do() {
        assert_repaired(&[
            (
                "FROM a\nRUN curl \\\n  # no\n  -k \\\n  https://x\nUSER b\n",
                "FROM a\nRUN curl \\\n  # no\n  https://x\nUSER b\n",
            ),
            (
                "FROM a\nRUN curl https://x \\\n  -k\nUSER b\n",
                "FROM a\nRUN curl https://x\nUSER b\n",
            ),
            (
                "FROM a\nRUN curl \\\n  -k https://x\n",
                "FROM a\nRUN curl \\\n  https://x\n",
            ),
            (
                "FROM a\r\nRUN curl \\\r\n  -k \\\r\n  https://x\r\nUSER b\r\n",
                "FROM a\r\nRUN curl \\\r\n  https://x\r\nUSER b\r\n",
            ),
            (
                "# escape=`\nFROM a\nRUN curl `\n  -k `\n  https://x\n",
                "# escape=`\nFROM a\nRUN curl `\n  https://x\n",
            ),
        ]);
    }

    #[test]
    fn here_documents_and_what_waits_for_another_build_are_repaired_where_they_stand() {
        assert_repaired(&[
            (
                "FROM a\nRUN <<EOF\n# -k is no option here\ncurl -k https://x\ncurl -k https://y\nEOF\n",
                "FROM a\nRUN <<EOF\n# -k is no option here\ncurl https://x\ncurl https://y\nEOF\n",
            ),
            (
                "FROM a\nCOPY <<EOF /b\n#!/bin/sh\ncurl -k https://x\nEOF\n",
                "FROM a\nCOPY <<EOF /b\n#!/bin/sh\ncurl https://x\nEOF\n",
            ),
            (
                "FROM a\nONBUILD RUN --network=host curl -k https://x\n",
                "FROM a\nONBUILD RUN curl https://x\n",
            ),
        ]);
    }

    #[test]
    fn an_image_ends_as_the_user_that_it_had() {
        assert_repaired(&[
            (
                "FROM a\nUSER b:c\nUSER root\nRUN make\n",
                "FROM a\nUSER b:c\nUSER root\nRUN make\nUSER b:c\n",
            ),
            (
                "FROM a\r\nUSER b\r\nUSER 0\r\nCMD x",
                "FROM a\r\nUSER b\r\nUSER 0\r\nCMD x\r\nUSER b",
            ),
            (
                "FROM a AS c\nUSER root\nFROM a AS d\nARG U=b\nUSER $U\nUSER root\nRUN <<E\nmake\nE\n",
                "FROM a AS c\nUSER root\nFROM a AS d\nARG U=b\nUSER $U\nUSER root\nRUN <<E\nmake\nE\nUSER b\n",
            ),
        ]);
    }

    #[test]
    fn what_has_no_one_repair_is_left_and_said_so() {
        for (text, why) in [
            ("FROM a\nUSER root\n", "names no other user"),
            ("FROM a\nUSER b\nUSER c\nUSER root\n", "several other users"),
            ("FROM a\nARG U\nUSER $U\nUSER root\n", "is not known"),
            (
                "FROM a\nENV O=-k\nRUN curl $O https://x\n",
                "nothing that is written there",
            ),
            (
                "FROM a\nARG N=host\nRUN --network=$N make\n",
                "a variable gives it",
            ),
            (
                "FROM a\nRUN git -c http.sslVerify=false clone x\n",
                "nothing that is written there",
            ),
            (
                "FROM a\nRUN curl x \\\n # it goes on \\\n -k\n",
                "the line before it does not go on",
            ),
            ("FROM a\nRUN curl -f\"k\" x\n", "its option is quoted"),
        ] {
            let fixed = fixed(text);
            assert!(fixed.files.is_empty(), "{text}");
            let whys: Vec<&String> = fixed.left.iter().map(|(_, why)| why).collect();
            assert!(whys.iter().any(|it| it.contains(why)), "{text}: {whys:?}");
        }
    }

    #[test]
    fn no_text_is_broken() {
        let whole = "FROM a\r\nUSER b\nRUN --network=host curl \\\n # c\n -k \\\n x\nRUN <<E\ncurl -sk y\nE\nUSER 0\n";
        for end in 0..whole.len() {
            for text in [&whole[..end], &whole[end..]] {
                fixed(text);
            }
        }
    }
}
