//! Archives around what a target is about.

/// A zip of stored members.
pub(crate) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut local, mut central) = (Vec::new(), Vec::new());
    for (name, body) in members {
        let at = little(local.len());
        let mut fields = [0; 26];
        fields[8..10].copy_from_slice(&[0x21, 0]);
        fields[10..14].copy_from_slice(&crc32(body).to_le_bytes());
        fields[14..18].copy_from_slice(&little(body.len()));
        fields[18..22].copy_from_slice(&little(body.len()));
        fields[22..24].copy_from_slice(&little(name.len())[..2]);
        fields[0] = 20;
        local.extend([b"PK\x03\x04", &fields[..], name.as_bytes(), body].concat());
        central.extend(
            [
                b"PK\x01\x02\x14\0",
                &fields[..],
                &[0; 10],
                &at,
                name.as_bytes(),
            ]
            .concat(),
        );
    }
    let count = little(members.len());
    let ends = [&little(central.len())[..], &little(local.len())].concat();
    let end = [
        b"PK\x05\x06\0\0\0\0",
        &count[..2],
        &count[..2],
        &ends,
        &[0; 2],
    ]
    .concat();
    [local, central, end].concat()
}

/// A tar of regular members.
pub(crate) fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, body) in members {
        let mut head = [0; 512];
        head[..name.len()].copy_from_slice(name.as_bytes());
        head[100..108].copy_from_slice(b"0000644\0");
        head[108..124].copy_from_slice(b"0000000\x000000000\0");
        head[124..136].copy_from_slice(format!("{:011o}\0", body.len()).as_bytes());
        head[136..148].copy_from_slice(b"00000000000\0");
        head[148..156].fill(b' ');
        head[156] = b'0';
        head[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = head.iter().map(|&byte| u32::from(byte)).sum();
        head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend(head);
        out.extend(*body);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn little(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, &byte: &u8| {
        let start = sum ^ u32::from(byte);
        (0..8).fold(start, |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg())
        })
    };
    !bytes.iter().fold(u32::MAX, step)
}
