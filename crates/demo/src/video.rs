//! Videos as YUV4MPEG2: a header line, then frames of raw planes.

use std::path::Path;

use crate::DemoError;

/// How many frames a piece has.
pub(crate) const PIECE_FRAMES: usize = 10;

/// The luma planes of a video, frame by frame.
#[derive(Debug)]
pub(crate) struct Video {
    frames: Vec<Vec<u8>>,
}

impl Video {
    pub(crate) fn read(path: &Path) -> Result<Self, DemoError> {
        let content = std::fs::read(path).map_err(|source| DemoError::File {
            action: "read",
            path: path.to_path_buf(),
            source,
        })?;
        Self::parse(&content)
            .map_err(|problem| DemoError::Video { path: path.to_path_buf(), problem })
    }

    fn parse(content: &[u8]) -> Result<Self, &'static str> {
        let (header, mut rest) = line(content).ok_or("it has no header")?;
        let header = std::str::from_utf8(header).map_err(|_| "its header is not text")?;
        if !header.starts_with("YUV4MPEG2 ") || !header.contains(" C420") {
            return Err("it is not YUV4MPEG2 with 4:2:0 planes");
        }
        let parameter = |name: char| {
            let found = header.split(' ').find_map(|part| part.strip_prefix(name));
            found.and_then(|number| number.parse::<usize>().ok())
        };
        let (Some(width), Some(height)) = (parameter('W'), parameter('H')) else {
            return Err("its header does not say how large it is");
        };
        let (luma, whole) = (width * height, width * height * 3 / 2);
        let mut frames = Vec::new();
        while !rest.is_empty() {
            let (mark, planes) = line(rest).ok_or("a frame is cut off")?;
            if !mark.starts_with(b"FRAME") || planes.len() < whole {
                return Err("a frame is cut off");
            }
            frames.push(planes[..luma].to_vec());
            rest = &planes[whole..];
        }
        Ok(Self { frames })
    }

    /// How many pieces it is cut into.
    pub(crate) fn pieces(&self) -> usize {
        self.frames.len().div_ceil(PIECE_FRAMES)
    }

    fn piece(&self, index: usize) -> &[Vec<u8>] {
        let start = (index * PIECE_FRAMES).min(self.frames.len());
        &self.frames[start..(start + PIECE_FRAMES).min(self.frames.len())]
    }

    /// Mean luma of a piece, 16 (black) to 235 (white).
    pub(crate) fn brightness(&self, piece: usize) -> f64 {
        let luma = self.piece(piece).iter().flatten();
        let (sum, count) =
            luma.fold((0.0, 0.0), |(sum, count), it| (sum + f64::from(*it), count + 1.0));
        if count == 0.0 { 0.0 } else { sum / count }
    }

    /// Mean difference of luma from one frame of a piece to the next.
    pub(crate) fn motion(&self, piece: usize) -> f64 {
        let (mut sum, mut count) = (0.0, 0.0);
        for pair in self.piece(piece).windows(2) {
            for (before, after) in pair[0].iter().zip(&pair[1]) {
                sum += f64::from(before.abs_diff(*after));
                count += 1.0;
            }
        }
        if count == 0.0 { 0.0 } else { sum / count }
    }
}

/// The first line and what follows it.
fn line(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = content.iter().position(|byte| *byte == b'\n')?;
    Some((&content[..end], &content[end + 1..]))
}

#[cfg(test)]
mod tests;
